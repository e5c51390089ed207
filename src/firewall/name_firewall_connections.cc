// A NameFirewall's part in connections whose names are checked.
#include <exception>
#include <expected>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "firewall/connection_listeners.h"
#include "firewall/name_firewall.h"
#include "firewall/open_addresses.h"
#include "netfilter/firewall.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"
#include "sys/netns.h"
#include "wire/name.h"

namespace nxgate::firewall {
namespace {

using netfilter::Destination;
using netfilter::FirewallRules;

/// For a connection to be begun three times. If we end meanwhile, nobody has its port any more.
constexpr Milliseconds kOnwardLife{3'500};
constexpr Milliseconds kUnreachableLife{5'000};

std::vector<netfilter::Onward> onward(std::span<const policy::OnwardFlow> flows) {
  std::vector<netfilter::Onward> all;
  all.reserve(flows.size());
  for (const policy::OnwardFlow& each : flows) all.push_back({each.from, each.to});
  return all;
}

}  // namespace

/// The listener comes before the rules that lead to it.
Result<void> NameFirewall::listen(const sys::NetnsRef& netns,
                                  const policy::ConnectionChecks& checks, FirewallRules& rules) {
  if (!checks.any()) return {};
  if (!listener_) {
    if (listeners_ == nullptr) return fail("nobody checks the names of connections here");
    auto opened = listeners_->open(netns, checked_by_);
    if (!opened) return std::unexpected(opened.error());
    listener_ = *std::move(opened);
  }
  rules.checked.listener4 = listener_->port4();
  rules.checked.listener6 = listener_->port6();
  rules.checked.all = checks.carries_all;
  for (const policy::CheckedPort& each : checks.ports) {
    rules.checked.ports.push_back(each.port);
    const bool refuses_quic =
        each.where == policy::NameIn::kTls && checks.quic == policy::Quic::kRefuse;
    if (refuses_quic) rules.checked.refused_udp.push_back(each.port);
  }
  return {};
}

bool NameFirewall::was_told(ClientKey client, const wire::DomainName& name,
                            const IpAddress& address, Instant now) noexcept {
  const std::scoped_lock lock(mutex_);
  return told_.has(client, name, address, now);
}

std::optional<wire::DomainName> NameFirewall::opener(const IpAddress& address, const Port& port,
                                                     Instant now) noexcept {
  const std::scoped_lock lock(mutex_);
  for (const Destination& to : {Destination{address, port}, Destination{address, {}}}) {
    const OpenAddress* const held = open_.find(to);
    if (held == nullptr || held->until <= now) continue;
    const auto name = wire::DomainName::from_text(held->name);
    return name ? *name : wire::DomainName();
  }
  return std::nullopt;
}

bool NameFirewall::let_onward(std::span<const policy::OnwardFlow> flows) noexcept try {
  const std::vector<netfilter::Onward> begun = onward(flows);
  const std::scoped_lock lock(mutex_);
  if (failed_ || !firewall_) return false;
  const std::error_code error = firewall_->let_onward(begun, kOnwardLife);
  if (!error) return true;
  log::repeated(
      "onward " + label_,
      fmt::format("cannot let connections pass the firewall of {}: {}", label_, error.message()));
  return false;
} catch (const std::exception&) {
  return false;
}

void NameFirewall::end_onward(std::span<const policy::OnwardFlow> flows) noexcept try {
  const std::vector<netfilter::Onward> ended = onward(flows);
  const std::scoped_lock lock(mutex_);
  if (firewall_) (void)firewall_->end_onward(ended);
} catch (const std::exception&) {
  return;  // it ends by itself
}

void NameFirewall::note_unreachable(const Endpoint& server) noexcept try {
  const std::scoped_lock lock(mutex_);
  if (!firewall_) return;
  (void)firewall_->note_unreachable({server.address, {IPPROTO_TCP, server.port}}, kUnreachableLife);
} catch (const std::exception&) {
  return;  // it will be found out again
}

}  // namespace nxgate::firewall
