// The questions in flight, and their waiters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/client_key.h"
#include "base/shares.h"
#include "cache/cache.h"
#include "engine/upstream.h"

namespace nxgate::forward {

/// Joins identical questions, whichever worker they come from: one query goes out however many
/// clients ask, else each further one would be another chance for a forger (CVE-2020-25686).
/// Bounded in questions and in waiters, both shared by client. Any thread; sharded, each shard with
/// a mutex.
class InFlight {
 public:
  struct Limits {
    std::size_t questions = 4096;
    std::size_t waiters = 16384;
    std::size_t waiters_of_client = 1000;  ///< however much is left (DNSBomb, CVE-2024-33655)
  };
  enum class Joined : std::uint8_t {
    kFull = 0,  ///< `done` is left alone
    kFirst,     ///< the caller asks, then calls `finish`
    kJoined,    ///< somebody asks already
  };

  explicit InFlight(const Limits& limits)
      : questions_(limits.questions), waiters_(limits.waiters, limits.waiters_of_client) {}

  /// Adds a waiter, counted for `client`, who is called on `loop`'s thread; `done` is moved from
  /// unless kFull. The question counts for who asked it first.
  [[nodiscard]] Joined join(const cache::Key& key, ClientKey client, boost::asio::io_context& loop,
                            engine::UpstreamCallback& done);

  /// Tells all who wait for `key`, those of `own` now, the others by post to their loops. For the
  /// loop that joined first, and for whoever has an answer after all.
  void finish(const cache::Key& key, boost::asio::io_context& own,
              const engine::UpstreamResult& result);

  /// Forgets all waiters on `loop`, without calling them, and ends what was asked from there;
  /// waiters elsewhere get kOverload. After it nothing is posted to `loop` any more.
  void leave(boost::asio::io_context& loop);

  [[nodiscard]] const Shares& questions() const noexcept { return questions_; }
  [[nodiscard]] const Shares& waiters() const noexcept { return waiters_; }

 private:
  struct Waiter {
    boost::asio::io_context* loop = nullptr;
    ClientKey client;
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

  Shares questions_;
  Shares waiters_;
  std::array<Shard, kShards> shards_;
};

}  // namespace nxgate::forward
