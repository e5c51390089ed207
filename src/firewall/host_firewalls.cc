#include "firewall/host_firewalls.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/snapshot.h"
#include "engine/snapshot.h"
#include "firewall/firewall_reports.h"
#include "firewall/name_firewall.h"
#include "netfilter/firewall.h"
#include "netfilter/gate.h"
#include "netfilter/links.h"
#include "policy/egress.h"
#include "sys/netns.h"

namespace nxgate::firewall {
namespace {

constexpr Seconds kPause{1};

std::string table_of(const std::string& policy) {
  return fmt::format("{}_{}", netfilter::Firewall::kTable, policy);
}

}  // namespace

std::shared_ptr<policy::EgressSets> HostFirewalls::sets_of(const std::string& policy) {
  const std::lock_guard lock(mutex_);
  auto& firewall = firewalls_[policy];
  if (!firewall) {
    firewall = std::make_shared<NameFirewall>(table_of(policy), netfilter::OnDeath::kStaysClosed);
  }
  return firewall;
}

NameFirewall& HostFirewalls::of(const std::string& policy) const {
  const std::lock_guard lock(mutex_);
  return *firewalls_.at(policy);
}

Result<void> HostFirewalls::install(const policy::ClientFirewall& wanted,
                                    const SnapshotCell<engine::Snapshot>& snapshots) {
  (void)sets_of(wanted.policy);
  NameFirewall& firewall = of(wanted.policy);
  if (listeners_ != nullptr) firewall.check_by(*listeners_, wanted.policy);
  const auto flows = reports_ == nullptr ? Flows::kIgnored : reports_->flows(wanted.policy);
  auto done =
      firewall.enforce(sys::NetnsRef(), &wanted.egress, flows, wanted.clients, wanted.others);
  firewall.review(judge_of(snapshots, wanted.policy));
  return done;
}

Result<void> HostFirewalls::enforce(const std::vector<policy::ClientFirewall>& wanted,
                                    const SnapshotCell<engine::Snapshot>& snapshots) {
  std::vector<std::string> tables;
  for (const policy::ClientFirewall& each : wanted) {
    const auto done = install(each, snapshots);
    note(each.policy, done);
    tables.push_back(table_of(each.policy));
    if (done) log_links(each.policy);
  }
  const auto known = [this] {
    const std::lock_guard lock(mutex_);
    return firewalls_;
  }();
  for (const auto& [policy, firewall] : known) {
    if (std::ranges::count(wanted, policy, &policy::ClientFirewall::policy) != 0) continue;
    note(policy, firewall->enforce(sys::NetnsRef(), nullptr));
  }
  enforced_ = wanted;
  const auto removed = wanted.empty() ? Result<std::size_t>(0)
                                      : netfilter::remove_firewalls(sys::NetnsRef(), tables);
  note("", removed ? Result<void>() : std::unexpected(removed.error()));
  if (failed_.empty()) return {};
  return fail(fmt::format("{}", fmt::join(failed_firewalls(), "; ")));
}

void HostFirewalls::note(const std::string& policy, const Result<void>& done) {
  if (done) {
    if (failed_.erase(policy) == 0 || policy.empty()) return;
    return log::info("policy {}: the firewall is up to date again", policy);
  }
  const std::string& text = done.error().message;
  const bool is_new = std::exchange(failed_[policy], text) != text;
  // Before it watches, the start fails by it.
  if (is_new && reports_ != nullptr) {
    log::error("{}{}; nxgate retries every second",
               policy.empty() ? "" : fmt::format("policy {}: ", policy), text);
  }
}

std::vector<std::string> HostFirewalls::failed_firewalls() const {
  std::vector<std::string> texts;
  texts.reserve(failed_.size());
  for (const auto& [policy, why] : failed_) {
    texts.push_back(policy.empty() ? why : fmt::format("policy {}: {}", policy, why));
  }
  return texts;
}

void HostFirewalls::watch(boost::asio::io_context& loop, FirewallReports& reports,
                          std::function<void()> again) {
  reports_ = &reports;
  again_ = std::move(again);
  timer_.emplace(loop);
  look_again();
}

void HostFirewalls::look_again() {
  if (!failed_.empty()) again_();
  for (const policy::ClientFirewall& each : enforced_) {
    NameFirewall& firewall = of(each.policy);
    if (const auto kept = firewall.keep(); !kept) {
      log::repeated("firewall " + each.policy, kept.error().message);
    } else if (*kept) {
      log::warning("policy {}: its firewall was removed by another program; it has been restored",
                   each.policy);
    }
  }
  for (const policy::ClientFirewall& each : enforced_) log_links(each.policy);
  take_reports();
  timer_->expires_after(kPause);
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (!error) look_again();
  });
}

void HostFirewalls::log_links(const std::string& policy) {
  netfilter::ClientLinks links = of(policy).client_links();
  const auto [told, is_new] = told_.try_emplace(policy);
  if (!is_new && told->second == links) return;
  if (!links.theirs.empty()) {
    log::info("policy {}: filters everything that comes in on {}, whatever its source", policy,
              fmt::join(links.theirs, ", "));
  }
  if (!links.shared.empty()) {
    log::warning(
        "policy {}: its clients are behind {}, which also has the default route: of the packets "
        "that come in there, only those from the ranges of `from` are filtered",
        policy, fmt::join(links.shared, ", "));
  }
  if (links.theirs.empty() && links.shared.empty()) {
    log::warning(
        "policy {}: only the default route leads to its clients: only packets from the ranges of "
        "`from` are filtered",
        policy);
  }
  told->second = std::move(links);
}

std::vector<HostFirewalls::View> HostFirewalls::view() const {
  std::vector<View> views;
  for (const policy::ClientFirewall& each : enforced_) {
    netfilter::ClientLinks links = of(each.policy).client_links();
    const auto failed = failed_.find(each.policy);
    views.push_back({each.policy, std::move(links.theirs), std::move(links.shared),
                     failed == failed_.end() ? "" : failed->second});
  }
  return views;
}

void HostFirewalls::take_reports() {
  for (const policy::ClientFirewall& each : enforced_) {
    reports_->take({"policy " + each.policy, each.policy, &each.egress, nullptr}, of(each.policy));
  }
}

void HostFirewalls::hand_over() {
  timer_.reset();
  for (const policy::ClientFirewall& each : enforced_) (void)of(each.policy).outlive();
}

void HostFirewalls::stop() {
  timer_.reset();  // before its loop goes
  for (const policy::ClientFirewall& each : enforced_) {
    if (each.egress.stays_closed) {
      log::warning(
          "policy {}: its firewall on this host stays closed until another nxgate takes over or "
          "`nxgate detach --pid 1` opens it",
          each.policy);
      (void)of(each.policy).outlive();  // which is no change of its rules
    } else if (auto done = of(each.policy).enforce(sys::NetnsRef(), nullptr); !done) {
      log::warning("{}", done.error().message);
    }
  }
}

}  // namespace nxgate::firewall
