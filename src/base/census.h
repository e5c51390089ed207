// How many connections there are, and which of them goes first when there are too many.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/client_key.h"
#include "base/clock.h"

namespace nxgate {

/// The connections that may be there at once.
struct CensusLimits {
  std::size_t connections = 1024;  ///< in all
  std::size_t per_client = 32;
};

/// Connections of all threads, shared among clients: where they are too many, whoever holds most
/// gives way (max-min fairness). Any thread. It must outlive the loops of all of them.
class Census {
  struct Entry;
  using Entries = std::list<Entry>;

 public:
  explicit Census(const CensusLimits& limits) : limits_(limits) {}
  Census(const Census&) = delete;
  Census& operator=(const Census&) = delete;

  /// A connection's entry in the census, given up when this goes. Move only; one thread.
  class Place {
   public:
    Place(Place&& other) noexcept
        : census_(std::exchange(other.census_, nullptr)), entry_(other.entry_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (census_ != nullptr) census_->remove(entry_);
    }

    /// Waits for a request since then, and goes before any that is busy.
    void idle(Instant since) noexcept;
    /// Owes an answer, and has got on with it last at that time.
    void busy(Instant since) noexcept;

   private:
    friend class Census;
    Place(Census& census, Entries::iterator entry) : census_(&census), entry_(entry) {}

    Census* census_;
    Entries::iterator entry_;
  };

  enum class Bound : std::uint8_t { kAll, kClient };
  static constexpr std::size_t kBounds = 2;

  /// Lets a new connection in. A client that has its most makes room by its own longest idle one.
  /// Where there are too many in all, the client that holds most does: by its longest idle
  /// connection, and for one that holds fewer also by the busy one that has stalled longest. If
  /// nobody makes room the new one must go.
  ///
  /// `evict` is called at most once, on any thread and under the census's lock: it may only post to
  /// the loop of the connection that it closes. An evicted connection counts no more at once.
  [[nodiscard]] std::optional<Place> admit(ClientKey client, std::function<void()> evict);

  [[nodiscard]] std::size_t connections() const;
  /// Those that were evicted and whose loops haven't closed them yet: each holds its descriptor.
  [[nodiscard]] std::size_t closing() const;
  /// How many connections were refused or closed by this bound so far.
  [[nodiscard]] std::uint64_t turned_away(Bound bound) const noexcept {
    return turned_away_[static_cast<std::size_t>(bound)].load(std::memory_order_relaxed);
  }

 private:
  struct Entry {
    Entry(ClientKey from, std::function<void()> how) : client(from), evict(std::move(how)) {}

    ClientKey client;
    std::function<void()> evict;
    std::atomic<Instant> since{Clock::now()};
    std::atomic<bool> busy = false;
    bool evicted = false;
  };
  struct KeyHash {
    std::size_t operator()(ClientKey client) const noexcept { return client.value; }
  };

  void remove(Entries::iterator entry) noexcept;
  void forget(ClientKey client) noexcept;
  [[nodiscard]] std::size_t count_of(ClientKey client) const noexcept;
  [[nodiscard]] bool has_room(ClientKey client);
  template <class Chosen>
  bool make_room(Chosen chosen, bool busy_too);

  const CensusLimits limits_;
  mutable std::mutex mutex_;
  Entries entries_;
  Entries evicted_;  ///< not counted, but their places still refer to them
  std::unordered_map<ClientKey, std::size_t, KeyHash> per_client_;
  std::array<std::atomic<std::uint64_t>, kBounds> turned_away_{};
};

}  // namespace nxgate
