// How many TCP connections there are, and which of them goes first when there are too many.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/address.h"
#include "base/clock.h"
#include "serve/limits.h"

namespace nxgate::serve {

/// The TCP connections of all workers. Any thread. It must outlive the loops of all of them.
class TcpCensus {
  struct Entry;
  using Entries = std::list<Entry>;

 public:
  explicit TcpCensus(const TcpLimits& limits) : limits_(limits) {}
  TcpCensus(const TcpCensus&) = delete;
  TcpCensus& operator=(const TcpCensus&) = delete;

  /// A connection's entry in the census, given up when this goes. Move only; one thread.
  class Place {
   public:
    Place(Place&& other) noexcept
        : census_(std::exchange(other.census_, nullptr)), entry_(other.entry_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (census_ != nullptr) census_->remove(entry_);
    }

    /// Waits for a query since then, and may be closed in favour of another connection.
    void idle(Instant since) noexcept;
    /// Owes an answer.
    void busy() noexcept;

   private:
    friend class TcpCensus;
    Place(TcpCensus& census, Entries::iterator entry) : census_(&census), entry_(entry) {}

    TcpCensus* census_;
    Entries::iterator entry_;
  };

  /// Lets a new connection in. Where a limit is reached, the longest idle connection (of this
  /// client, or of all) makes room; if all are busy there is none, and the new one must go.
  ///
  /// `evict` is called at most once, on any thread and under the census's lock: it may only post to
  /// the loop of the connection that it closes. An evicted connection counts no more at once.
  [[nodiscard]] std::optional<Place> admit(const IpAddress& client, std::function<void()> evict);

  [[nodiscard]] std::size_t connections() const;

 private:
  struct Entry {
    Entry(const IpAddress& from, std::function<void()> how) : client(from), evict(std::move(how)) {}

    IpAddress client;
    std::function<void()> evict;
    std::atomic<Instant> idle_since{Clock::now()};  ///< Instant::max() while busy
    bool evicted = false;
  };

  void remove(Entries::iterator entry) noexcept;
  void forget(const IpAddress& client) noexcept;
  bool make_room(const IpAddress* client);

  const TcpLimits limits_;
  mutable std::mutex mutex_;
  Entries entries_;
  Entries evicted_;  ///< not counted, but their places still refer to them
  std::unordered_map<IpAddress, std::size_t> per_client_;
};

}  // namespace nxgate::serve
