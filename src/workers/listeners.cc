#include "workers/listeners.h"

#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/log.h"
#include "config/settings.h"
#include "serve/worker_context.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::workers {
namespace {

serve::Listener opened_as(const config::Listener& listener, const Endpoint& endpoint) {
  return {{endpoint, listener.interface, sys::NetnsRef(listener.netns), listener.freebind},
          listener.policy ? listener.policy->name : std::string()};
}

}  // namespace

bool host_has_ipv6() {
  const Endpoint loopback{*IpAddress::parse("::1"), 0};
  return sys::probe_free(sys::SocketKind::kUdp, {loopback, {}, {}}).has_value();
}

std::vector<serve::Listener> to_open(const std::vector<config::Listener>& configured,
                                     bool with_ipv6) {
  std::vector<serve::Listener> opened;
  for (const config::Listener& listener : configured) {
    std::vector<std::pair<Endpoint, bool>> places{{listener.endpoint, listener.implied}};
    if (!listener.interface.empty()) {
      places.push_back({{IpAddress::v6({}), listener.endpoint.port}, true});
    }
    for (const auto& [endpoint, implied] : places) {
      opened.push_back(opened_as(listener, endpoint));
      if (!implied || with_ipv6) continue;
      log::warning("not listening on {}: no IPv6 on this system", opened.back().at.to_string());
      opened.pop_back();
    }
  }
  return opened;
}

std::string describe(const std::vector<serve::Listener>& listeners) {
  std::string text;
  for (const serve::Listener& listener : listeners) {
    const std::string place = listener.at.to_string();
    // The two families of an interface read the same.
    if (text.ends_with(place)) continue;
    text += (text.empty() ? "" : ", ") + place;
  }
  return text;
}

}  // namespace nxgate::workers
