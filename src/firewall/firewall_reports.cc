#include "firewall/firewall_reports.h"

#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "firewall/name_firewall.h"
#include "netfilter/firewall_rules.h"
#include "policy/egress.h"
#include "sys/netns.h"
#include "sys/socket_owner.h"

namespace nxgate::firewall {
namespace {

/// The destination, and the name that resolved to it: `tcp/22 of 192.0.2.7 (github.com)`.
std::string described(const Refusal& refusal) {
  const Port& port = refusal.to.port;
  const std::string protocol =
      port.number == 0 ? fmt::format("protocol {}", port.protocol) : port.to_string();
  return fmt::format(
      "{} of {} ({})", protocol, refusal.to.address.to_string(),
      refusal.name.empty() ? "no allowed name resolved to it" : escaped(refusal.name));
}

}  // namespace

std::string FirewallReports::process_behind(const Refusal& refusal, const sys::NetnsRef* netns) {
  constexpr std::string_view kNotFound = ", process not found in time";
  const Port& port = refusal.to.port;
  if (netns == nullptr || port.number == 0) return {};
  const Instant now = Clock::now();
  if (now >= looked_since_ + Seconds(1)) {
    looked_since_ = now;
    looked_ = {};
  }
  if (looked_ >= kLongestLookASecond) return std::string(kNotFound);
  const auto seen = sys::find_by_peer(*netns, port.protocol, {refusal.to.address, port.number});
  looked_ += Clock::now() - now;
  if (!seen) return {};
  return seen->pid == 0 ? std::string(kNotFound)
                        : fmt::format(", by {} (pid {})", escaped(seen->name), seen->pid);
}

void FirewallReports::take(const FirewallPlace& place, NameFirewall& firewall) {
  constexpr std::size_t kMostLines = 10;
  const Report report = firewall.report();
  const auto mode = place.egress == nullptr ? policy::EgressMode::kEnforce : place.egress->mode;
  Counts& counts = counts_[place.policy];
  counts.admissions += report.admissions;
  counts.refusals[static_cast<std::size_t>(mode)] += report.refused_packets;
  if (sink_ && !report.flows.empty() && learnt_.contains(place.policy)) {
    sink_(place.policy, report.flows);
  }
  if (refusals_) return refusals_(report);
  if (!report.all_refusals) {
    log::repeated("refusals of " + place.label,
                  fmt::format("{}: refused more than {} destinations within a minute, of which no "
                              "more are noted, counted and logged",
                              place.label, netfilter::kMostNoted));
  }
  const bool audit = mode == policy::EgressMode::kAudit;
  for (const Refusal& refusal : report.refusals | std::views::take(kMostLines)) {
    log::info("{}: {} {}{}", place.label, audit ? "would refuse" : "refused", described(refusal),
              process_behind(refusal, place.netns));
  }
  if (report.refusals.size() > kMostLines) {
    log::info("{}: {} more", place.label, report.refusals.size() - kMostLines);
  }
}

FirewallReports::Counts FirewallReports::of(const std::string& policy) const {
  const auto found = counts_.find(policy);
  return found == counts_.end() ? Counts() : found->second;
}

void FirewallReports::learn(const std::string& policy, bool on) {
  if (on) {
    learnt_.insert(policy);
  } else {
    learnt_.erase(policy);
  }
}

Flows FirewallReports::flows(const std::string& policy) const {
  return learnt_.contains(policy) ? Flows::kNoted : Flows::kIgnored;
}

}  // namespace nxgate::firewall
