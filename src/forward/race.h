// One question put to a group of servers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/client_key.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "engine/upstream.h"
#include "forward/alarm.h"
#include "forward/exchange.h"
#include "forward/group.h"
#include "forward/health.h"
#include "forward/last_exchanges.h"

namespace nxgate::forward {

/// Asks the fastest server first. When its share of the group's timeout has passed the next one is
/// asked as well, while the earlier ones are still listened to; a group with only one server alive
/// has its question repeated, from another port with another id, after a third of that time. A
/// server that fails is followed by the next at once. The first good answer wins, and what the
/// servers did is noted in their health.
///
/// A group that says nothing at all is given up after a second, or later if its servers are known
/// to take longer. One that replies to other questions is at work on this one, such as a recursor
/// whose cache is cold, and has all of the group's timeout. Giving up is no end: a late answer
/// still counts.
///
/// It can be run again when it has ended. One thread; the resources must outlive its use.
class Race final : private Alarm, private Exchange::Owner {
 public:
  class Owner {
   public:
    /// Whether those who wait have stale data to be content with, and so wait for a second only.
    [[nodiscard]] virtual bool can_do_without(const Race& race) = 0;
    /// Nobody should wait any longer; within the group's timeout, once at most. Returns how long
    /// a late answer would still be of use.
    [[nodiscard]] virtual Seconds gave_up(Race& race, engine::UpstreamFailure failure,
                                          Instant now) = 0;
    /// Its end, as the last thing it does.
    virtual void ended(Race& race, const engine::UpstreamResult& result) = 0;

   protected:
    ~Owner() = default;
  };

  Race(WorkerResources& resources, Owner& owner);
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  /// May end before this returns.
  void start(std::shared_ptr<Group> group, const cache::Key& key, ClientKey client, Instant now);

  [[nodiscard]] const cache::Key& key() const noexcept { return key_; }
  /// Who asked first.
  [[nodiscard]] ClientKey client() const noexcept { return client_; }
  /// Whether it has been given up before.
  [[nodiscard]] bool late() const noexcept { return late_; }
  /// How it ended, or why it is given up: by the server whose outcome counts. Nothing if none was
  /// asked.
  [[nodiscard]] std::optional<LastExchange> last(engine::UpstreamFailure failure,
                                                 Instant now) const;
  [[nodiscard]] const std::shared_ptr<Group>& group() const noexcept { return group_; }
  /// Lets go of the group, when it has ended.
  void release() noexcept { group_.reset(); }

 private:
  struct Attempt {
    Exchange exchange;
    std::size_t server = 0;
    Instant started;
    bool running = false;
    bool missed = false;  ///< it was silent too long, which has been noted
    ExchangeResult outcome = ExchangeResult::kSilent;
  };

  void ring() override { advance(Clock::now()); }
  void ended(Exchange& exchange, Instant now) override;

  void advance(Instant now);
  void start_next(Instant now);
  void give_up(Instant now);
  void give_up_on(const Attempt& ended);
  [[nodiscard]] Instant patience(Instant now);
  [[nodiscard]] Milliseconds share(std::size_t server, Instant now) const;
  [[nodiscard]] std::span<Attempt> begun() noexcept { return std::span(attempts_).first(begun_); }
  [[nodiscard]] std::span<const Attempt> begun() const noexcept {
    return std::span(attempts_).first(begun_);
  }
  [[nodiscard]] bool can_start() const noexcept { return begun_ < plan_.size(); }
  [[nodiscard]] bool any_running() const noexcept;
  void stop();
  void check_silent();
  void note_silence(Instant now);
  void note_miss(std::size_t server, Instant now, Microseconds waited);
  [[nodiscard]] engine::UpstreamResult result();

  WorkerResources& resources_;
  Owner& owner_;
  std::shared_ptr<Group> group_;
  cache::Key key_;
  ClientKey client_;
  Plan plan_;  ///< servers in the order in which they are asked
  std::array<Attempt, kMostAttempts> attempts_;
  std::size_t begun_ = 0;
  std::shared_ptr<const cache::Answer> answer_;
  Instant silence_;   ///< when a group that has said nothing is given up
  Instant deadline_;  ///< when any group is
  Instant give_up_;   ///< the one of the two that is to come, or between
  Instant end_;       ///< when it listens no more
  Instant next_start_;
  Instant check_;  ///< when silent servers are looked into
  bool late_ = false;
  bool advancing_ = false;  ///< whoever ends meanwhile is seen by the loop in `advance`
};

}  // namespace nxgate::forward
