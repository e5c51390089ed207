// One question put to a group of servers.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "forward/exchange.h"
#include "forward/health.h"

namespace nxgate::forward {

/// The most servers that one question is put to; each may cost a UDP and a TCP query, so a client
/// can make us send six packets at most (CAMP, NXNSAttack), and a check of each silent server.
inline constexpr std::size_t kMostAttempts = 3;

/// Asks the fastest server first. When its share of the group's timeout has passed the next one is
/// asked as well, while the earlier ones are still listened to; a group with only one server alive
/// has its question repeated, from another port with another id, after a third of the time. A
/// server that fails is followed by the next at once. The first good answer wins, and what the
/// servers did is noted in their health. One thread.
class Race : public std::enable_shared_from_this<Race> {
 public:
  Race(Bench& bench, std::shared_ptr<const engine::UpstreamGroup> group,
       std::shared_ptr<GroupHealth> health, const cache::Key& key);

  /// Ends within the group's timeout. Call once, on an object that a shared_ptr holds.
  [[nodiscard]] boost::asio::awaitable<engine::UpstreamResult> run();

 private:
  struct Attempt {
    std::size_t server = 0;
    std::shared_ptr<Exchange> exchange;
    Instant started;
    bool running = true;
    Outcome outcome = Outcome::kSilent;
  };

  void start_next(Instant now);
  static boost::asio::awaitable<void> attempt(std::shared_ptr<Race> self, std::size_t index);
  void ended(Attempt& attempt, Reply reply);
  void give_up_on(const Attempt& ended);
  [[nodiscard]] Milliseconds share(std::size_t server, Instant now) const;
  [[nodiscard]] bool can_start() const noexcept { return attempts_.size() < plan_.size(); }
  [[nodiscard]] bool any_running() const noexcept;
  void check_silent();
  void note_silence(Instant now);
  void note_miss(std::size_t server, Instant now, Microseconds waited);
  [[nodiscard]] engine::UpstreamResult result() const;

  Bench& bench_;
  std::shared_ptr<const engine::UpstreamGroup> group_;
  std::shared_ptr<GroupHealth> health_;
  cache::Key key_;
  std::vector<std::size_t> plan_;  ///< servers in the order in which they are asked
  std::vector<Attempt> attempts_;
  std::shared_ptr<const cache::Answer> answer_;
  boost::asio::steady_timer wake_;
  Instant deadline_;
  Instant next_start_;
  Instant check_;         ///< when silent servers are looked into
  bool changed_ = false;  ///< an attempt ended since `run` looked last
};

}  // namespace nxgate::forward
