#include "forward/probe.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "forward/exchange.h"
#include "forward/health.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::forward {
namespace {

using boost::asio::awaitable;

constexpr Milliseconds kFirstDelay{100};
constexpr Milliseconds kLeastDelay{1000};
constexpr Milliseconds kMostDelay{30000};
constexpr Milliseconds kPatience{1000};
constexpr Milliseconds kMargin{1000};
constexpr Seconds kInterest{60};

cache::Key root_ns(const cache::Key& missed) {
  cache::Key key = missed;
  key.question = {wire::DomainName{}, wire::Type::kNs, wire::Class::kIn};
  return key;
}

/// Runs one exchange and cancels it when `time` is over.
awaitable<Reply> ask_for(Bench& bench, std::shared_ptr<Exchange> exchange, Milliseconds time) {
  boost::asio::steady_timer timer(bench.loop, time);
  timer.async_wait([exchange](const boost::system::error_code& error) {
    if (!error) exchange->cancel();
  });
  co_return co_await exchange->run();
}

/// Whether the server replies to `key` with anything, which its health then knows too.
awaitable<bool> replies(Bench& bench, const Probe& probe, const cache::Key& key) {
  const engine::UpstreamGroup& group = *probe.group;
  auto exchange =
      std::make_shared<Exchange>(bench, group.servers[probe.server], group.netns, key, false);
  const Reply reply = co_await ask_for(bench, exchange, kPatience);
  if (reply.outcome != Outcome::kAnswered && reply.outcome != Outcome::kBadAnswer &&
      !exchange->replied()) {
    co_return false;
  }
  probe.health->server(probe.server).reached(Clock::now());
  co_return true;
}

}  // namespace

awaitable<void> check_silent_server(Bench& bench, Probe probe) {
  co_await replies(bench, probe, root_ns(probe.missed));
  probe.health->server(probe.server).release_check();
}

awaitable<void> probe_until_back(Bench& bench, Probe probe) {
  ServerHealth& server = probe.health->server(probe.server);
  const Instant began = Clock::now();
  Milliseconds delay = kFirstDelay;
  const std::string address = probe.group->servers[probe.server].endpoint.to_string();
  log::repeated("down " + address,
                "upstream " + address + " doesn't answer; it is passed over until it does");
  boost::asio::steady_timer timer(bench.loop);
  for (bool ask_root = true;; ask_root = !ask_root) {
    server.stay_down(Clock::now() + delay + kPatience + kMargin);
    timer.expires_after(delay);
    boost::system::error_code error;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, error));
    const Instant now = Clock::now();
    if (!server.down(now) || now - probe.health->last_interest() > kInterest) break;
    const cache::Key key = ask_root ? root_ns(probe.missed) : probe.missed;
    if (co_await replies(bench, probe, key)) log::info("upstream {} answers again", address);
    if (!server.down(Clock::now())) break;
    const auto down_for = std::chrono::duration_cast<Milliseconds>(Clock::now() - began);
    delay = std::clamp(down_for / 4, kLeastDelay, kMostDelay);
  }
  server.release_probe();
}

}  // namespace nxgate::forward
