#include "relay/onward_sockets.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <system_error>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include "base/address.h"
#include "base/clock.h"
#include "relay/side.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/onward_socket.h"
#include "sys/socket.h"

namespace nxgate::relay {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kAtOnce = 8;
constexpr std::size_t kLow = 2;
constexpr Seconds kKept{5};

}  // namespace

std::expected<OnwardSockets::Taken, std::error_code> OnwardSockets::take(const sys::NetnsRef& netns,
                                                                         const Endpoint& to) {
  const sys::Family family = to.address.is_v4() ? sys::Family::kIpv4 : sys::Family::kIpv6;
  if (netns.own()) {
    auto one = sys::open_sockets(sys::SocketKind::kTcp, family, 1, netns);
    if (!one) return std::unexpected(one.error());
    end_when_silent(one->front());
    return Taken{std::move(one->front()), {}};
  }
  const Where where{netns.identity().value_or(0), family};
  Kept& kept = all_[where];
  kept.used = Clock::now();
  expire_later();
  if (kept.idle.empty()) {
    if (const auto error = refill(kept, netns, family)) return std::unexpected(error);
  }
  sys::Descriptor socket = std::move(kept.idle.back());
  kept.idle.pop_back();
  if (kept.idle.size() < kLow && !std::exchange(kept.refills, true)) refill_soon(where, netns);
  const auto from = sys::bind_towards(to, socket, kept.route);
  if (!from) return std::unexpected(from.error());
  return Taken{std::move(socket), *from};
}

std::error_code OnwardSockets::refill(Kept& kept, const sys::NetnsRef& netns, sys::Family family) {
  if (!kept.route) {
    auto route = sys::open_sockets(sys::SocketKind::kUdp, family, 1, netns);
    if (!route) return route.error();
    kept.route = std::move(route->front());
  }
  auto more = sys::open_sockets(sys::SocketKind::kTcp, family, kAtOnce, netns);
  if (!more) return more.error();
  for (sys::Descriptor& each : *more) {
    end_when_silent(each);
    kept.idle.push_back(std::move(each));
  }
  return {};
}

/// Behind what this turn of the loop has to do for clients. If there are none to be had, the next
/// connection finds that out.
void OnwardSockets::refill_soon(const Where& where, const sys::NetnsRef& netns) {
  asio::post(loop_, [this, where, netns] {
    const auto found = all_.find(where);
    if (found == all_.end()) return;
    found->second.refills = false;
    (void)refill(found->second, netns, where.second);
  });
}

void OnwardSockets::forget(const sys::NetnsRef& netns) {
  const std::uint64_t identity = netns.identity().value_or(0);
  std::erase_if(all_, [&](const auto& each) { return each.first.first == identity; });
}

void OnwardSockets::expire_later() {
  if (std::exchange(expires_, true)) return;
  expiry_.expires_after(kKept);
  expiry_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    const Instant now = Clock::now();
    std::erase_if(all_, [&](const auto& each) { return now - each.second.used >= kKept; });
    expires_ = false;
    if (!all_.empty()) expire_later();
  });
}

}  // namespace nxgate::relay
