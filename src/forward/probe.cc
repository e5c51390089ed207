#include "forward/probe.h"

#include <algorithm>
#include <chrono>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "cache/cache.h"
#include "forward/exchange.h"
#include "forward/health.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::forward {
namespace {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;

constexpr Milliseconds kFirstDelay{100};
constexpr Milliseconds kLeastDelay{1000};
constexpr Milliseconds kMostDelay{30000};
constexpr Milliseconds kTimeout{1000};
constexpr Milliseconds kMargin{1000};
constexpr Seconds kInterest{60};

cache::Key root_ns(const cache::Key& missed) {
  cache::Key key = missed;
  key.question = {wire::DomainName{}, wire::Type::kNs, wire::Class::kIn};
  return key;
}

/// Puts `key` to the server and waits, but not longer than kTimeout.
class Asking final : private Exchange::Owner {
 public:
  Asking(WorkerResources& resources, const Probe& probe, const cache::Key& key, Exchange::How how)
      : exchange_(resources, *this), timeout_(resources.loop, kTimeout) {
    exchange_.start(probe.group, probe.server, key, how, Clock::now());
  }

  /// Whether it replied at all.
  awaitable<bool> replied() {
    boost::system::error_code cancelled;
    if (!over_) co_await timeout_.async_wait(redirect_error(use_awaitable, cancelled));
    exchange_.cancel();
    co_return exchange_.replied() || exchange_.outcome() == ExchangeResult::kAnswered ||
        exchange_.outcome() == ExchangeResult::kBadAnswer;
  }

 private:
  void ended(Exchange&, Instant) override {
    over_ = true;
    timeout_.cancel();
  }

  Exchange exchange_;
  boost::asio::steady_timer timeout_;
  bool over_ = false;
};

/// Whether the server replies to `key` with anything, which its health then knows too.
awaitable<bool> replies(WorkerResources& resources, const Probe& probe, const cache::Key& key,
                        Exchange::How how = {}) {
  Asking asking(resources, probe, key, how);
  if (!co_await asking.replied()) co_return false;
  probe.group->health->server(probe.server).reached(Clock::now());
  co_return true;
}

}  // namespace

awaitable<void> check_silent_server(WorkerResources& resources, Probe probe) {
  co_await replies(resources, probe, root_ns(probe.missed));
  probe.group->health->server(probe.server).release_check();
}

awaitable<void> probe_until_back(WorkerResources& resources, Probe probe) {
  ServerHealth& server = probe.group->health->server(probe.server);
  const Instant began = Clock::now();
  Milliseconds delay = kFirstDelay;
  const std::string address = probe.group->server(probe.server).endpoint.to_string();
  log::repeated("down " + address,
                "upstream " + address + " doesn't answer; it is skipped until it does");
  boost::asio::steady_timer timer(resources.loop);
  for (unsigned round = 0;; ++round) {
    server.stay_down(Clock::now() + delay + kTimeout + kMargin);
    timer.expires_after(delay);
    boost::system::error_code error;
    co_await timer.async_wait(redirect_error(use_awaitable, error));
    const Instant now = Clock::now();
    if (!server.down(now) || now - probe.group->health->last_interest() > kInterest) break;
    const cache::Key key = round % 2 == 0 ? root_ns(probe.missed) : probe.missed;
    const Exchange::How how{.without_edns = round % 4 >= 2};
    if (co_await replies(resources, probe, key, how)) {
      log::info("upstream {} answers again", address);
    }
    if (!server.down(Clock::now())) break;
    const auto down_for = std::chrono::duration_cast<Milliseconds>(Clock::now() - began);
    delay = std::clamp(down_for / 4, kLeastDelay, kMostDelay);
  }
  server.release_probe();
}

}  // namespace nxgate::forward
