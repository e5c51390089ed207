#include "firewall/open_addresses.h"

#include <cstddef>
#include <utility>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "netfilter/firewall.h"

namespace nxgate::firewall {

using netfilter::Destination;

const OpenAddress* OpenAddresses::find(const Destination& to) const {
  const auto held = all_.find(to);
  return held == all_.end() ? nullptr : &held->second;
}

bool OpenAddresses::has(const IpAddress& address) const {
  const auto first = all_.lower_bound({address, {}});
  return first != all_.end() && first->first.address == address;
}

bool OpenAddresses::has_room(ClientKey client, std::size_t more, bool shared) const {
  const std::size_t left = kMost - all_.size();
  if (more > left) return false;
  if (!shared) return true;
  const auto held = held_.find(client.value);
  const std::size_t own = more + (held == held_.end() ? 0 : held->second);
  return own <= kFloor || own <= left - more;
}

void OpenAddresses::put(const Destination& to, OpenAddress opened) {
  erase(to);
  ++held_[opened.client.value];
  all_.emplace(to, std::move(opened));
}

void OpenAddresses::erase(const Destination& to) {
  const auto held = all_.find(to);
  if (held == all_.end()) return;
  release(held->second);
  all_.erase(held);
}

void OpenAddresses::erase_ended(Instant now) {
  std::erase_if(all_, [&](const auto& entry) {
    const bool ended = entry.second.until < now;
    if (ended) release(entry.second);
    return ended;
  });
}

void OpenAddresses::clear() {
  all_.clear();
  held_.clear();
}

void OpenAddresses::release(const OpenAddress& opened) {
  const auto held = held_.find(opened.client.value);
  if (--held->second == 0) held_.erase(held);
}

}  // namespace nxgate::firewall
