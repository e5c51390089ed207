#include "relay/onward_pass.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/system/error_code.hpp>
#include <fcntl.h>

#include "base/address.h"
#include "base/clock.h"
#include "policy/egress.h"
#include "sys/descriptor.h"
#include "sys/socket.h"

namespace nxgate::relay {
namespace {

constexpr Milliseconds kSoon{20};
/// In one transaction, and so many more descriptors.
constexpr std::size_t kMostAtOnce = 64;

}  // namespace

std::optional<OnwardPass> OnwardPass::take(std::shared_ptr<policy::EgressSets> sets,
                                           const sys::Descriptor& socket, const Endpoint& to) {
  sys::Descriptor held(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  const policy::OnwardFlow flow{sys::local_endpoint(socket), to};
  if (!held || !sets->let_onward(flow)) return std::nullopt;
  return OnwardPass{std::move(sets), std::move(held), flow};
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
  std::vector<bool> done(ended.size());
  for (std::size_t i = 0; i < ended.size(); ++i) {
    if (done[i]) continue;
    std::vector<policy::OnwardFlow> flows;
    for (std::size_t j = i; j < ended.size(); ++j) {
      if (ended[j].sets != ended[i].sets) continue;
      flows.push_back(ended[j].flow);
      done[j] = true;
    }
    ended[i].sets->end_onward(flows);
  }
}

}  // namespace nxgate::relay
