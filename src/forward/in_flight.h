// The questions that are being asked at the moment, and who waits for each.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "cache/cache.h"
#include "engine/upstream.h"

namespace nxgate::forward {

/// Joins identical questions, whichever worker they come from: one query goes out however many
/// clients ask, else each further one would be another chance for a forger (CVE-2020-25686).
/// Bounded in questions and in waiters. Any thread; sharded, each shard with a mutex.
class InFlight {
 public:
  struct Limits {
    std::size_t questions = 4096;
    std::size_t waiters = 16384;
  };
  enum class Joined : std::uint8_t {
    kFull = 0,  ///< `done` is left alone
    kFirst,     ///< the caller asks, then calls `finish`
    kJoined,    ///< somebody asks already
  };

  explicit InFlight(const Limits& limits) : limits_(limits) {}

  /// Adds a waiter who is called on `loop`'s thread; `done` is moved from unless kFull.
  [[nodiscard]] Joined join(const cache::Key& key, boost::asio::io_context& loop,
                            engine::UpstreamCallback& done);

  /// For the loop that joined first: tells all who wait for `key`, those of `own` now, the others
  /// by post to their loops.
  void finish(const cache::Key& key, boost::asio::io_context& own,
              const engine::UpstreamResult& result);

  /// Forgets all waiters on `loop`, without calling them, and ends what was asked from there;
  /// waiters elsewhere get kOverload. After it nothing is posted to `loop` any more.
  void leave(boost::asio::io_context& loop);

  [[nodiscard]] std::size_t questions() const noexcept { return questions_; }

 private:
  struct Waiter {
    boost::asio::io_context* loop = nullptr;
    engine::UpstreamCallback done;
  };
  /// The first waiter is the one who asks.
  struct Entry {
    Waiter first;
    std::vector<Waiter> more;
  };
  struct Shard {
    std::mutex mutex;
    boost::unordered_flat_map<cache::Key, Entry, cache::KeyHash> entries;
  };
  static constexpr std::size_t kShards = 16;

  Shard& shard(const cache::Key& key) noexcept { return shards_[cache::KeyHash{}(key) % kShards]; }
  static void post(Waiter& waiter, const engine::UpstreamResult& result);

  Limits limits_;
  std::atomic<std::size_t> questions_{0};
  std::atomic<std::size_t> waiters_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace nxgate::forward
