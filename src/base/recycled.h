// Objects that come and go with every question.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace nxgate {

/// A base for classes of which a thread makes and destroys many: their memory goes to a list of the
/// thread that destroys them and is used again from there, which is cheaper than the heap. A thread
/// keeps as many as it had at once, and frees them when it ends. T must be final.
template <class T>
class Recycled {  // NOLINT(bugprone-crtp-constructor-accessibility): aggregates derive from it
 public:
  static void* operator new(std::size_t size) {
    Spare& spare = spare_of_thread();
    if (spare.blocks.empty()) return ::operator new(size);
    void* const block = spare.blocks.back();
    spare.blocks.pop_back();
    return block;
  }
  static void operator delete(void* block) noexcept {
    try {
      spare_of_thread().blocks.push_back(block);
    } catch (const std::bad_alloc&) {
      ::operator delete(block);
    }
  }

 private:
  struct Spare {
    std::vector<void*> blocks;
    ~Spare() {
      for (void* const block : blocks) ::operator delete(block);
    }
  };

  static Spare& spare_of_thread() {
    thread_local Spare spare;
    return spare;
  }
};

}  // namespace nxgate
