// What a NameFirewall tells of itself.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "firewall/name_firewall.h"
#include "netfilter/firewall.h"
#include "policy/egress.h"

namespace nxgate::firewall {

using netfilter::Destination;

policy::EgressView NameFirewall::look(const std::string& name, Instant now) {
  return look([&](const IpAddress& address,
                  const std::string& by) { return by == name || led_to(name, address); },
              now);
}

policy::EgressView NameFirewall::look(const IpAddress& address, Instant now) {
  return look([&](const IpAddress& each, const std::string&) { return each == address; }, now);
}

/// `is_wanted` says so of an address and the name that opened it, empty for a refused one.
policy::EgressView NameFirewall::look(
    const std::function<bool(const IpAddress&, const std::string&)>& is_wanted, Instant now) {
  const std::scoped_lock lock(mutex_);
  policy::EgressView view;
  for (const auto& [to, opened] : open_.all()) {
    if (opened.until <= now || !is_wanted(to.address, opened.name)) continue;
    view.open.push_back({to.address, to.port, opened.name,
                         std::chrono::duration_cast<Milliseconds>(opened.until - now)});
  }
  for (const auto& [to, packets] : refused_) {
    if (is_wanted(to.address, {})) view.refused.push_back({to.address, to.port, packets});
  }
  return view;
}

/// As far as that is remembered.
bool NameFirewall::led_to(const std::string& name, const IpAddress& address) const {
  const auto names = names_.find(address);
  return names != names_.end() && std::ranges::find(names->second, name) != names->second.end();
}

Report NameFirewall::report() {
  using Seen = Result<std::vector<netfilter::Noted>>;
  const Seen refused = firewall_ ? firewall_->refused() : Seen();
  const Seen flows = firewall_ && firewall_->rules().notes_flows ? firewall_->flows() : Seen();
  const std::scoped_lock lock(mutex_);
  Report report{.admissions = std::exchange(admissions_, 0)};
  if (!firewall_) return report;
  if (refused) add_refusals(report, *refused);
  if (flows) add_flows(report, *flows);
  return report;
}

void NameFirewall::add_flows(Report& report, const std::vector<netfilter::Noted>& seen) const {
  for (const netfilter::Noted& each : seen) {
    const auto names = names_.find(each.to.address);
    if (names != names_.end()) report.flows.push_back({each.to, names->second});
  }
}

void NameFirewall::add_refusals(Report& report, const std::vector<netfilter::Noted>& seen) {
  report.all_refusals = seen.size() < netfilter::kMostNoted;
  std::map<Destination, std::uint64_t> now;
  for (const netfilter::Noted& each : seen) {
    now.emplace(each.to, each.packets);
    const auto known = refused_.find(each.to);
    // One that expired and was recorded again meanwhile counts from zero.
    const bool goes_on = known != refused_.end() && known->second <= each.packets;
    report.refused_packets += each.packets - (goes_on ? known->second : 0);
    if (known != refused_.end()) continue;
    const auto names = names_.find(each.to.address);
    report.refusals.push_back({each.to, names == names_.end() ? "" : names->second.back()});
  }
  std::ranges::sort(report.refusals, {}, &Refusal::to);
  refused_ = std::move(now);
}

}  // namespace nxgate::firewall
