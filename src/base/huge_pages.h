// Memory for tables that are looked up at random.
#pragma once

#include <cstddef>
#include <new>

#include <sys/mman.h>

namespace nxgate {

/// An allocator for a container that may grow far beyond what the processor's caches translate:
/// asks for huge pages, of which one takes the place of 512, where the kernel gives them
/// (transparent_hugepage is `madvise` or `always`). What fills no whole one stays on small pages,
/// so no memory is lost.
template <class T>
struct HugePages {
  using value_type = T;

  HugePages() = default;
  template <class U>
  explicit HugePages(const HugePages<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    const std::size_t size = count * sizeof(T);
    if (size < kWorthwhile) return static_cast<T*>(::operator new(size));
    void* const memory = ::operator new(size, kAlignment);
    (void)::madvise(memory, size, MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    const std::size_t size = count * sizeof(T);
    if (size < kWorthwhile) return ::operator delete(memory);
    ::operator delete(memory, kAlignment);
  }
  bool operator==(const HugePages&) const = default;

 private:
  static constexpr std::align_val_t kAlignment{std::size_t{1} << 21};
  static constexpr std::size_t kWorthwhile = std::size_t{1} << 22;
};

}  // namespace nxgate
