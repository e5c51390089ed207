#include "firewall/name_firewall.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/snapshot.h"
#include "engine/egress.h"
#include "engine/snapshot.h"
#include "firewall/open_addresses.h"
#include "helper/our_tables.h"
#include "netfilter/firewall.h"
#include "policy/egress.h"
#include "sys/netns.h"
#include "wire/address_edit.h"

namespace nxgate::firewall {
namespace {

using netfilter::Destination;
using netfilter::Firewall;
using netfilter::FirewallRules;
using netfilter::Opened;

// So that what the configuration takes the kernel's guard takes too, beside the other rules.
static_assert(policy::kMostRanges <= helper::OurTransaction::kMostRules / 4);
constexpr std::size_t kMostAddresses = 16384;
/// Where there is no room, what has ended is looked for so often at most.
constexpr Seconds kForgetAgain{1};
constexpr std::size_t kMostNamesOfAddress = 16;
constexpr std::array<Port, 1> kAnyPort{};

FirewallRules rules_of(const policy::Egress& egress) {
  FirewallRules rules{.audit = egress.mode == policy::EgressMode::kAudit,
                      .always = {},
                      .never = egress.never,
                      .networks = egress.networks};
  for (const policy::Reach& reach : egress.always) rules.always.push_back({reach.to, reach.port});
  return rules;
}

Milliseconds until(Instant end, Instant now) {
  return std::chrono::duration_cast<Milliseconds>(end - now);
}

}  // namespace

Judge judge_of(const SnapshotCell<engine::Snapshot>& snapshots, std::string policy) {
  return [&snapshots, policy = std::move(policy)](const std::string& name,
                                                  std::span<const Destination> to) {
    const auto snapshot = snapshots.load();
    const auto openable = engine::openable_by(snapshot->policies.find(policy), name, Clock::now());
    return openable && std::ranges::all_of(to, [&](const Destination& each) {
             return openable->covers(each.address, each.port);
           });
  };
}

Result<void> NameFirewall::enforce(const sys::NetnsRef& netns, const policy::Egress* egress,
                                   Flows flows, const std::vector<Prefix>& clients,
                                   const std::vector<Prefix>& others) {
  const std::scoped_lock lock(mutex_);
  if (egress == nullptr) {
    failed_ = false;
    if (!firewall_) return {};
    if (auto done = firewall_->remove(); !done) return done;
    firewall_.reset();
    listener_.reset();
    open_.clear();
    told_.clear();
    return {};
  }
  FirewallRules rules = rules_of(*egress);
  rules.clients = clients;
  rules.others = others;
  rules.notes_flows = flows == Flows::kNoted;
  auto done = listen(netns, egress->checks, rules);
  if (done) done = install(netns, rules);
  if (!egress->checks.any()) listener_.reset();
  failed_ = !done && !rules.audit;
  return done;
}

Result<void> NameFirewall::install(const sys::NetnsRef& netns, const FirewallRules& rules) {
  if (firewall_) return firewall_->rules() == rules ? Result<void>() : firewall_->set_rules(rules);
  auto firewall = Firewall::install(netns, table_, rules, on_death_);
  if (!firewall) return std::unexpected(firewall.error());
  firewall_ = *std::move(firewall);
  label_ = netns.own() ? "this host" : netns.text();
  adopt();
  return {};
}

bool NameFirewall::stands() const { return firewall_.has_value(); }

void NameFirewall::adopt() {
  const auto opened = firewall_->opened();
  if (!opened) {
    return log::warning(
        "cannot read which addresses are open in the firewall of {}: {}; they stay "
        "open for their time",
        label_, opened.error().message);
  }
  const Instant now = Clock::now();
  for (const Opened& each : *opened) {
    open_.put(each.to, {now + each.life, each.name});
    remember(each.to.address, each.name);
    const auto name = wire::DomainName::from_text(each.name);
    if (name) (void)told_.tell({}, *name, each.to.address, now + each.life, now, false);
  }
}

void NameFirewall::remember(const IpAddress& address, const std::string& name) {
  std::vector<std::string>& names = names_[address];
  if (!names.empty() && names.back() == name) return;
  std::erase(names, name);
  if (names.size() == kMostNamesOfAddress) names.erase(names.begin());
  names.push_back(name);
}

bool NameFirewall::admit(const policy::Admission& admission, Instant now) noexcept try {
  const std::scoped_lock lock(mutex_);
  if (failed_) return false;
  if (!firewall_) return true;
  asked_for_.clear();
  const std::span<const Port> ports = admission.ports.empty() ? kAnyPort : admission.ports;
  for (const wire::FoundAddress& found : admission.addresses) {
    const Instant end = now + Seconds(found.ttl) + admission.grace;
    // Also if it is open already, for another name.
    if (firewall_->rules().notes_flows) remember(found.address, admission.name.to_text());
    for (const Port& port : ports) {
      const Destination to{found.address, port};
      const OpenAddress* const held = open_.find(to);
      if (held != nullptr && held->until + kRounding >= end) continue;
      const bool again = held != nullptr && held->until > now;
      asked_for_.push_back({to, until(end, now), admission.name.to_text(), again});
    }
  }
  if (asked_for_.empty()) return tell(admission, now);
  if (!is_allowed() || !make_room(admission.client, now)) return false;
  if (const std::error_code error = firewall_->open(asked_for_)) {
    log::repeated("egress " + label_, fmt::format("cannot open addresses in the firewall of {}: {}",
                                                  label_, error.message()));
    return false;
  }
  admissions_ += asked_for_.size();
  for (Opened& each : asked_for_) {
    remember(each.to.address, each.name);
    open_.put(each.to, {now + each.life, std::move(each.name), admission.client});
  }
  return tell(admission, now);
} catch (const std::exception&) {
  return false;  // out of memory: the client is told of a failure
}

/// Only where names may be checked at connections.
bool NameFirewall::tell(const policy::Admission& admission, Instant now) {
  if (firewall_->rules().audit) return true;
  const bool shared = !firewall_->rules().clients.empty();
  const bool told = std::ranges::all_of(admission.addresses, [&](const wire::FoundAddress& found) {
    return told_.tell(admission.client, admission.asked, found.address,
                      now + Seconds(found.ttl) + admission.grace, now, shared);
  });
  if (told) return true;
  log::repeated("egress " + label_,
                fmt::format("the firewall of {} has no room to remember more names with their "
                            "addresses: {} at most",
                            label_, ToldAddresses::kMost));
  return false;
}

/// What is asked for, all by one name, as the last review's judge says now.
bool NameFirewall::is_allowed() {
  if (!judge_) return true;
  std::vector<Destination> to;
  to.reserve(asked_for_.size());
  for (const Opened& each : asked_for_) to.push_back(each.to);
  return judge_(asked_for_.front().name, to);
}

bool NameFirewall::make_room(ClientKey client, Instant now) {
  if (open_.all().size() + asked_for_.size() > forget_at_) forget_ended(now);
  const bool shared = !firewall_->rules().clients.empty();
  const auto added = std::ranges::count(asked_for_, false, &Opened::again);
  const auto has_room = [&] {
    return added == 0 || open_.has_room(client, static_cast<std::size_t>(added), shared);
  };
  if (has_room()) return true;
  if (now >= forgot_ + kForgetAgain) {
    forget_ended(now);
    if (has_room()) return true;
  }
  log::repeated(
      "egress " + label_,
      fmt::format("the firewall of {} has no room for more addresses{}: {} of at most {} are open",
                  label_,
                  shared ? " of this client, which may have no more than are left for others" : "",
                  open_.all().size(), OpenAddresses::kMost));
  return false;
}

void NameFirewall::forget_ended(Instant now) {
  open_.erase_ended(now);
  forgot_ = now;
  forget_at_ = std::max<std::size_t>(1024, 2 * open_.all().size());
  if (names_.size() <= kMostAddresses) return;
  boost::unordered::erase_if(names_, [this](const auto& entry) { return !open_.has(entry.first); });
}

void NameFirewall::review(Judge judge) {
  const std::scoped_lock lock(mutex_);
  judge_ = std::move(judge);
  if (!firewall_) return;
  std::vector<Destination> closing;
  for (const auto& [to, opened] : open_.all()) {
    if (!judge_(opened.name, {&to, 1})) closing.push_back(to);
  }
  if (const std::error_code error = firewall_->close(closing)) {
    log::error("cannot close addresses in the firewall of {}: {}", label_, error.message());
    return;
  }
  for (const Destination& to : closing) open_.erase(to);
}

void NameFirewall::seal() {
  const std::scoped_lock lock(mutex_);
  judge_ = [](const std::string&, std::span<const Destination>) { return false; };
}

Result<void> NameFirewall::outlive() {
  const std::scoped_lock lock(mutex_);
  on_death_ = netfilter::OnDeath::kStaysClosed;
  listener_.reset();
  return firewall_ ? firewall_->outlive() : Result<void>();
}

Result<bool> NameFirewall::keep() {
  if (!firewall_) return false;
  auto kept = firewall_->keep();
  if (!kept || !*kept) return kept;
  const std::scoped_lock lock(mutex_);
  open_.clear();
  told_.clear();
  return kept;
}

netfilter::ClientLinks NameFirewall::client_links() const {
  return firewall_ ? firewall_->client_links() : netfilter::ClientLinks();
}

std::string NameFirewall::packet_error() const {
  return firewall_ ? firewall_->packet_error() : "";
}

}  // namespace nxgate::firewall
