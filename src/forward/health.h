// The health of upstream servers, from real traffic and from probes.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/container/static_vector.hpp>

#include "base/clock.h"
#include "engine/snapshot.h"
#include "forward/quirks.h"

namespace nxgate::forward {

using Microseconds = std::chrono::microseconds;

/// How one question put to one server ended.
enum class ExchangeResult : std::uint8_t {
  kSilent = 0,   ///< nothing that counts came until it was cancelled
  kUnreachable,  ///< the network refused, or the namespace is gone
  kNoSocket,     ///< we ourselves are out of descriptors or memory
  kBadAnswer,    ///< it replied, with a failure or a broken message
  kAnswered,
};
inline constexpr std::array<std::string_view, 5> kExchangeResultNames{
    "timeout", "unreachable", "no socket", "bad answer", "answered"};

/// One server. Any thread, no lock: a lost update costs a little precision and no more.
///
/// A server goes down when it misses three questions in a row, or one after ten seconds without a
/// success. A question doesn't count as missed if the server replied to any other while it waited:
/// then the name fails, not the server. It stays down as long as probes say so, and
/// comes back with the first reply of any kind.
class ServerHealth {
 public:
  /// A usable answer came after `rtt`.
  void answered(Instant now, Microseconds rtt) noexcept;
  /// It replied, if only with a failure.
  void reached(Instant now) noexcept;
  /// It was unreachable, or silent for `waited`. Questions that fail at one and the same instant
  /// fail for one reason, and are one miss.
  void missed(Instant now, Microseconds waited) noexcept;
  /// One more question has ended like that; a cancelled one counts for nothing.
  void note(ExchangeResult outcome) noexcept {
    outcomes_[static_cast<std::size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t count(ExchangeResult outcome) const noexcept {
    return outcomes_[static_cast<std::size_t>(outcome)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool replied_since(Instant then) const noexcept {
    return load(last_success_) > then;
  }

  [[nodiscard]] bool down(Instant now) const noexcept { return now < load(down_until_); }
  void stay_down(Instant until) noexcept { store(down_until_, until); }
  /// When it last came back from being down.
  [[nodiscard]] Instant recovered() const noexcept { return load(recovered_); }

  /// Zero until it was measured.
  [[nodiscard]] Microseconds smoothed_rtt() const noexcept {
    return Microseconds(rtt_.load(std::memory_order_relaxed));
  }
  /// About the longest time that an answer took lately; zero until there was one.
  [[nodiscard]] Microseconds slowest() const noexcept {
    return Microseconds(slowest_.load(std::memory_order_relaxed));
  }
  /// Makes a server that wasn't chosen a little more attractive, so that it is tried again
  /// eventually.
  void age() noexcept;

  /// True for the one caller who is to probe this server until it's back; that one calls
  /// `release_probe` in the end.
  [[nodiscard]] bool claim_probe(Instant now) noexcept {
    return down(now) && !probed_.exchange(true, std::memory_order_relaxed);
  }
  void release_probe() noexcept { probed_.store(false, std::memory_order_relaxed); }

  /// The same for whoever is to find out whether it's alive at all.
  [[nodiscard]] bool claim_check() noexcept {
    return !checked_.exchange(true, std::memory_order_relaxed);
  }
  void release_check() noexcept { checked_.store(false, std::memory_order_relaxed); }

  Quirks quirks;

 private:
  using Ticks = std::atomic<Instant::rep>;
  static Instant load(const Ticks& ticks) noexcept {
    return Instant(Instant::duration(ticks.load(std::memory_order_relaxed)));
  }
  static void store(Ticks& ticks, Instant at) noexcept {
    ticks.store(at.time_since_epoch().count(), std::memory_order_relaxed);
  }

  std::atomic<Microseconds::rep> rtt_{0};
  std::atomic<Microseconds::rep> slowest_{0};
  std::atomic<std::uint32_t> misses_{0};
  Ticks last_success_{0};
  Ticks last_miss_{0};
  Ticks down_until_{0};
  Ticks recovered_{0};
  std::atomic<bool> probed_{false};
  std::atomic<bool> checked_{false};
  std::array<std::atomic<std::uint64_t>, kExchangeResultNames.size()> outcomes_{};
};

/// The most servers that one question is put to; each may cost a UDP and a TCP query, so a client
/// can make us send six queries at most (CAMP, NXNSAttack), a TCP query again where the server
/// closed its connection, and a check of each silent server.
inline constexpr std::size_t kMostAttempts = 3;

/// Servers, by their index in the group, in the order in which they are asked.
using Plan = boost::container::static_vector<std::size_t, kMostAttempts>;

/// The servers of one group, in the group's order. Any thread.
class GroupHealth {
 public:
  explicit GroupHealth(std::size_t servers) : servers_(servers) {}

  [[nodiscard]] ServerHealth& server(std::size_t index) noexcept { return servers_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return servers_.size(); }

  /// False while the whole group is remembered as dead.
  [[nodiscard]] bool any_alive(Instant now) const noexcept;

  /// The servers to query: those that are not down, the fastest first.
  [[nodiscard]] Plan plan(Instant now);

  /// When one of them last came back.
  [[nodiscard]] Instant recovered() const noexcept;

  /// Probing goes on only while clients ask.
  void note_interest(Instant now) noexcept { interest_.store(now.time_since_epoch().count()); }
  [[nodiscard]] Instant last_interest() const noexcept {
    return Instant(Instant::duration(interest_.load()));
  }

 private:
  std::vector<ServerHealth> servers_;
  std::atomic<Instant::rep> interest_{0};
};

/// The health of every group by its identity, which a reload keeps as long as its settings are the
/// same. Any thread; a lock per question, held for one look-up.
class HealthTable {
 public:
  [[nodiscard]] std::shared_ptr<GroupHealth> of(const engine::UpstreamGroup& group);

 private:
  std::mutex mutex_;
  std::unordered_map<std::uint32_t, std::shared_ptr<GroupHealth>> groups_;
};

}  // namespace nxgate::forward
