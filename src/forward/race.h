// One question put to a group of servers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
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

namespace nxgate::forward {

/// Asks the fastest server first. When its share of the group's timeout has passed the next one is
/// asked as well, while the earlier ones are still listened to; a group with only one server alive
/// has its question repeated, from another port with another id, after a third of the time. A
/// server that fails is followed by the next at once. The first good answer wins, and what the
/// servers did is noted in their health.
///
/// It can be run again when it has ended. One thread; the resources must outlive its use.
class Race final : private Alarm, private Exchange::Owner {
 public:
  /// Receives its end, as the last thing it does, within the group's timeout.
  class Owner {
   public:
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
  /// The group, when it has ended.
  [[nodiscard]] std::shared_ptr<Group> take_group() noexcept { return std::move(group_); }

 private:
  struct Attempt {
    Exchange exchange;
    std::size_t server = 0;
    Instant started;
    bool running = false;
    ExchangeResult outcome = ExchangeResult::kSilent;
  };

  void ring() override { advance(Clock::now()); }
  void ended(Exchange& exchange, Instant now) override;

  void advance(Instant now);
  void start_next(Instant now);
  void give_up_on(const Attempt& ended);
  [[nodiscard]] Milliseconds share(std::size_t server, Instant now) const;
  [[nodiscard]] std::span<Attempt> begun() noexcept { return std::span(attempts_).first(begun_); }
  [[nodiscard]] std::span<const Attempt> begun() const noexcept {
    return std::span(attempts_).first(begun_);
  }
  [[nodiscard]] bool can_start() const noexcept { return begun_ < plan_.size(); }
  [[nodiscard]] bool any_running() const noexcept;
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
  Instant deadline_;
  Instant next_start_;
  Instant check_;           ///< when silent servers are looked into
  bool advancing_ = false;  ///< whoever ends meanwhile is seen by the loop in `advance`
};

}  // namespace nxgate::forward
