// A bounded queue between two threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace nxgate::observe {

/// Up to `most` values on their way from one thread, which puts, to another, which takes. Neither
/// ever waits for the other, and all memory is reserved by the constructor, but not touched before
/// it is used.
template <class T>
class Ring {
  static_assert(std::is_nothrow_move_constructible_v<T>);

 public:
  explicit Ring(std::size_t most)
      : most_(std::max<std::size_t>(most, 1)),
        places_(std::bit_ceil(most_)),
        values_(std::allocator<T>().allocate(places_)) {}
  ~Ring() {
    while (front() != nullptr) (void)pop();
    std::allocator<T>().deallocate(values_, places_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// Whether no further value can be put. For the thread that puts, like `put`.
  [[nodiscard]] bool full() noexcept {
    const std::size_t next = written_.load(std::memory_order_relaxed);
    if (next - read_seen_ < most_) return false;
    read_seen_ = read_.load(std::memory_order_acquire);
    return next - read_seen_ >= most_;
  }
  /// Only if it isn't full.
  void put(T value) noexcept {
    const std::size_t next = written_.load(std::memory_order_relaxed);
    std::construct_at(place(next), std::move(value));
    written_.store(next + 1, std::memory_order_release);
  }

  /// The oldest value; null if there is none. For the thread that takes, like the others below.
  [[nodiscard]] T* front() noexcept {
    const std::size_t next = read_.load(std::memory_order_relaxed);
    if (next == written_seen_) {
      written_seen_ = written_.load(std::memory_order_acquire);
      if (next == written_seen_) return nullptr;
    }
    return place(next);
  }
  /// Only if `front` gave one.
  [[nodiscard]] T pop() noexcept {
    const std::size_t next = read_.load(std::memory_order_relaxed);
    T value = std::move(*place(next));
    std::destroy_at(place(next));
    read_.store(next + 1, std::memory_order_release);
    return value;
  }
  [[nodiscard]] std::size_t size() const noexcept {
    return written_.load(std::memory_order_acquire) - read_.load(std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] T* place(std::size_t number) noexcept { return values_ + (number & (places_ - 1)); }

  static constexpr std::size_t kLine = 64;  ///< so that the threads share no cache line needlessly

  const std::size_t most_;
  const std::size_t places_;  ///< a power of two
  T* const values_;
  alignas(kLine) std::atomic<std::size_t> written_{0};
  std::size_t read_seen_ = 0;  ///< `read_` as the thread that puts saw it last
  alignas(kLine) std::atomic<std::size_t> read_{0};
  std::size_t written_seen_ = 0;  ///< `written_` as the thread that takes saw it last
};

}  // namespace nxgate::observe
