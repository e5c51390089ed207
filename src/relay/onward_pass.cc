#include "relay/onward_pass.h"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "base/clock.h"
#include "policy/egress.h"

namespace nxgate::relay {

namespace asio = boost::asio;

namespace {

constexpr Milliseconds kSoon{20};
/// In one transaction, and so many more descriptors.
constexpr std::size_t kMostAtOnce = 64;

using Flows = std::map<policy::EgressSets*, std::vector<policy::OnwardFlow>>;

}  // namespace

asio::awaitable<bool> OnwardPasses::let(const OnwardPass& pass) {
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(bool)>(
      [&](auto decided) { ask({pass.sets, pass.flow, std::move(decided)}); }, asio::use_awaitable);
}

void OnwardPasses::ask(Asked asked) {
  if (asked_.empty()) asio::post(loop_, [this] { let_all(); });
  asked_.push_back(std::move(asked));
  if (asked_.size() >= kMostAtOnce) let_all();
}

void OnwardPasses::let_all() {
  std::vector<Asked> asked = std::exchange(asked_, {});
  Flows flows;
  for (const Asked& each : asked) flows[each.sets.get()].push_back(each.flow);
  std::map<policy::EgressSets*, bool> passes;
  for (const auto& [sets, those] : flows) passes[sets] = sets->let_onward(those);
  for (Asked& each : asked) each.decided(passes[each.sets.get()]);
}

void OnwardPasses::end(OnwardPass pass) {
  ended_.push_back(std::move(pass));
  if (ended_.size() >= kMostAtOnce) return take_back();
  if (ended_.size() > 1) return;
  timer_.expires_after(kSoon);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) take_back();
  });
}

/// The sockets are let go once their four-tuples are.
void OnwardPasses::take_back() {
  const std::vector<OnwardPass> ended = std::exchange(ended_, {});
  Flows flows;
  for (const OnwardPass& each : ended) flows[each.sets.get()].push_back(each.flow);
  for (const auto& [sets, those] : flows) sets->end_onward(those);
}

}  // namespace nxgate::relay
