#include "firewall/openings.h"

#include <cstddef>
#include <utility>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "netfilter/firewall.h"

namespace nxgate::firewall {

using netfilter::Destination;

namespace {

/// Whoever holds no more than that needs no share.
constexpr std::size_t kFloor = Openings::kMost / 256;

}  // namespace

const Opening* Openings::find(const Destination& to) const {
  const auto held = all_.find(to);
  return held == all_.end() ? nullptr : &held->second;
}

bool Openings::has(const IpAddress& address) const {
  const auto first = all_.lower_bound({address, {}});
  return first != all_.end() && first->first.address == address;
}

bool Openings::has_room(ClientKey client, std::size_t more, bool shared) const {
  const std::size_t left = kMost - all_.size();
  if (more > left) return false;
  if (!shared) return true;
  const auto held = held_.find(client.value);
  const std::size_t own = more + (held == held_.end() ? 0 : held->second);
  return own <= kFloor || own <= left - more;
}

void Openings::put(const Destination& to, Opening opening) {
  erase(to);
  ++held_[opening.client.value];
  all_.emplace(to, std::move(opening));
}

void Openings::erase(const Destination& to) {
  const auto held = all_.find(to);
  if (held == all_.end()) return;
  release(held->second);
  all_.erase(held);
}

void Openings::erase_ended(Instant now) {
  std::erase_if(all_, [&](const auto& entry) {
    const bool ended = entry.second.until < now;
    if (ended) release(entry.second);
    return ended;
  });
}

void Openings::clear() {
  all_.clear();
  held_.clear();
}

void Openings::release(const Opening& opening) {
  const auto held = held_.find(opening.client.value);
  if (--held->second == 0) held_.erase(held);
}

}  // namespace nxgate::firewall
