#include "app/host_fences.h"

#include <algorithm>
#include <chrono>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "app/fence_reports.h"
#include "app/main_loop.h"
#include "app/reloader.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "egress/fence.h"
#include "engine/egress.h"
#include "engine/snapshot.h"
#include "netfilter/firewall.h"
#include "netfilter/gate.h"
#include "netfilter/links.h"
#include "policy/egress.h"
#include "sys/netns.h"

namespace nxgate::app {
namespace {

constexpr Seconds kPause{1};

std::string table_of(const std::string& policy) {
  return fmt::format("{}_{}", netfilter::Firewall::kTable, policy);
}

}  // namespace

std::shared_ptr<policy::EgressSets> HostFences::sets_of(const std::string& policy) {
  auto& fence = fences_[policy];
  if (!fence) {
    fence = std::make_shared<egress::Fence>(table_of(policy), netfilter::OnDeath::kStaysClosed);
  }
  return fence;
}

Result<void> HostFences::enforce(const std::vector<ClientFence>& wanted,
                                 const engine::Snapshot& snapshot) {
  std::vector<std::string> tables;
  for (const ClientFence& each : wanted) {
    (void)sets_of(each.policy);
    egress::Fence& fence = *fences_.at(each.policy);
    const auto flows = reports_ == nullptr ? egress::Flows::kIgnored : reports_->flows(each.policy);
    if (auto done = fence.enforce(sys::NetnsRef(), &each.egress, flows, each.clients, each.others);
        !done)
      return done;
    fence.review([&](const std::string& name, const netfilter::Destination& to) {
      return engine::opens(snapshot, each.policy, name, to.address, to.port, Clock::now());
    });
    tables.push_back(table_of(each.policy));
    tell_links(each.policy);
  }
  for (const ClientFence& each : enforced_) {
    if (std::ranges::find(wanted, each.policy, &ClientFence::policy) != wanted.end()) continue;
    if (auto done = fences_.at(each.policy)->enforce(sys::NetnsRef(), nullptr); !done) return done;
  }
  enforced_ = wanted;
  if (wanted.empty()) return {};
  const auto removed = netfilter::remove_firewalls(sys::NetnsRef(), tables);
  return removed ? Result<void>() : std::unexpected(removed.error());
}

void HostFences::watch(boost::asio::io_context& loop, FenceReports& reports) {
  reports_ = &reports;
  timer_.emplace(loop);
  look_again();
}

void HostFences::follow(Reloader& reloader) {
  if (auto done = enforce(reloader.client_fences(), *reloader.snapshots().load()); !done) {
    log::error("{}", done.error().message);
  }
}

void HostFences::look_again() {
  for (const ClientFence& each : enforced_) {
    egress::Fence& fence = *fences_.at(each.policy);
    if (const auto kept = fence.keep(); !kept) {
      log::repeated("firewall " + each.policy, kept.error().message);
    } else if (*kept) {
      log::warning("policy {}: somebody took its firewall away; it is back", each.policy);
    }
  }
  for (const ClientFence& each : enforced_) tell_links(each.policy);
  take_reports();
  timer_->expires_after(kPause);
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (!error) look_again();
  });
}

void HostFences::tell_links(const std::string& policy) {
  netfilter::ClientLinks links = fences_.at(policy)->client_links();
  const auto [told, is_new] = told_.try_emplace(policy);
  if (!is_new && told->second == links) return;
  if (!links.theirs.empty()) {
    log::info("policy {}: judges what comes in by {}, whatever its source", policy,
              fmt::join(links.theirs, ", "));
  }
  if (!links.shared.empty()) {
    log::warning(
        "policy {}: its clients are behind {}, where the default route is too: of what comes in "
        "there only the ranges of `from` are judged",
        policy, fmt::join(links.shared, ", "));
  }
  if (links.theirs.empty() && links.shared.empty()) {
    log::warning(
        "policy {}: no route but the default one leads to its clients: only packets from the "
        "ranges of `from` are judged",
        policy);
  }
  told->second = std::move(links);
}

std::vector<HostFences::View> HostFences::view() const {
  std::vector<View> views;
  for (const ClientFence& each : enforced_) {
    netfilter::ClientLinks links = fences_.at(each.policy)->client_links();
    views.push_back({each.policy, std::move(links.theirs), std::move(links.shared)});
  }
  return views;
}

void HostFences::take_reports() {
  for (const ClientFence& each : enforced_) {
    reports_->take({"policy " + each.policy, each.policy, &each.egress, nullptr},
                   *fences_.at(each.policy));
  }
}

void HostFences::stop(Ending ending) {
  timer_.reset();  // before its loop goes
  for (const ClientFence& each : enforced_) {
    if (ending == Ending::kHandOver) continue;
    if (each.egress.stays_closed) {
      log::warning(
          "policy {}: its firewall on this host stays closed, until a next nxgate takes over or "
          "`nxgate detach --pid 1` opens it",
          each.policy);
    } else if (auto done = fences_.at(each.policy)->enforce(sys::NetnsRef(), nullptr); !done) {
      log::warning("{}", done.error().message);
    }
  }
}

}  // namespace nxgate::app
