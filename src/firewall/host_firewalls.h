// Firewalls on this host, for clients whose packets it forwards.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/address.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "engine/snapshot.h"
#include "firewall/connection_listeners.h"
#include "firewall/firewall_reports.h"
#include "firewall/name_firewall.h"
#include "netfilter/links.h"
#include "policy/egress.h"

namespace nxgate::firewall {

/// One firewall for each policy that has both a table `egress` and ranges in `[[clients]]`: what
/// is forwarded for a client is judged by the policy of its longest range. Main thread; the
/// firewalls are filled by the workers.
class HostFirewalls final : public policy::EgressRegistry {
 public:
  HostFirewalls() = default;

  /// That of a policy, there from now on.
  [[nodiscard]] std::shared_ptr<policy::EgressSets> sets_of(const std::string& policy) override;

  /// Who serves the connections that are checked by name. Before `enforce`.
  void check_by(ConnectionListeners& listeners) { listeners_ = &listeners; }

  /// Installs the firewalls that the configuration needs, and removes those that it no longer
  /// needs, also those of a dead nxgate. Every firewall is tried; the error tells all that failed.
  /// `snapshots` must outlive whoever admits answers.
  [[nodiscard]] Result<void> enforce(const std::vector<policy::ClientFirewall>& wanted,
                                     const SnapshotCell<engine::Snapshot>& snapshots);

  /// From now on looks after the firewalls once a second, and takes their reports. What fails is
  /// logged from here on, and `again`, which must call `enforce`, is called once a second until it
  /// doesn't.
  void watch(boost::asio::io_context& loop, FirewallReports& reports, std::function<void()> again);

  /// What failed and is tried again.
  [[nodiscard]] std::vector<std::string> failed_firewalls() const;

  /// What a firewall covers.
  struct View {
    std::string policy;
    std::vector<std::string> links;   ///< by which whatever comes in is judged
    std::vector<std::string> shared;  ///< by which only what comes from the clients' ranges is
    std::string error;                ///< why it isn't as the policy says; empty if it is
  };
  [[nodiscard]] std::vector<View> view() const;

  /// Takes the reports of now.
  void take_reports();

  /// Removes all except those that stay closed. After `watch` this or `hand_over` must be called
  /// before that loop ends.
  void stop();
  /// Leaves all as they are, for a next nxgate to take over.
  void hand_over();

 private:
  [[nodiscard]] NameFirewall& of(const std::string& policy) const;
  Result<void> install(const policy::ClientFirewall& wanted,
                       const SnapshotCell<engine::Snapshot>& snapshots);
  /// Remembers how it went with the firewall of a policy, and logs what is new.
  void note(const std::string& policy, const Result<void>& done);
  void look_again();
  /// Logs which links a firewall covers, if that isn't known yet.
  void log_links(const std::string& policy);

  ConnectionListeners* listeners_ = nullptr;
  mutable std::mutex mutex_;  ///< of `firewalls_`, which a reload adds to on its thread
  std::map<std::string, std::shared_ptr<NameFirewall>> firewalls_;
  std::vector<policy::ClientFirewall> enforced_;
  std::map<std::string, std::string> failed_;           ///< by policy, and why
  std::map<std::string, netfilter::ClientLinks> told_;  ///< by policy, what the log says
  std::optional<boost::asio::steady_timer> timer_;
  std::function<void()> again_;
  FirewallReports* reports_ = nullptr;  ///< there once it watches
};

}  // namespace nxgate::firewall
