// The firewalls' reports, once a second: refusals for the log, numbers for the metrics.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "firewall/name_firewall.h"
#include "policy/egress.h"
#include "sys/netns.h"

namespace nxgate::firewall {

/// Where a firewall is, and for which policy.
struct FirewallPlace {
  const std::string& label;  ///< as the operator knows it
  const std::string& policy;
  const policy::Egress* egress;  ///< null if the policy has no firewall any more
  const sys::NetnsRef* netns;    ///< that of the programs; null if they are elsewhere
};

/// Counts per policy what all firewalls did, including removed ones, and passes on the flows of
/// policies in learning mode. Main thread.
class FirewallReports {
 public:
  struct Counts {
    std::uint64_t admissions = 0;             ///< openings, made or prolonged
    std::array<std::uint64_t, 2> refusals{};  ///< packets, by policy::EgressMode
  };

  /// Takes what this firewall did since the last time. Refusals, in an audit what would have been
  /// refused, are logged: each destination once a minute, and not more at a time than can be read;
  /// with the process where it still has a socket to there, as mostly in an audit.
  void take(const FirewallPlace& place, NameFirewall& firewall);

  [[nodiscard]] Counts of(const std::string& policy) const;

  /// Whether the firewalls of a policy shall note flows; they take it up with the next `enforce`.
  void learn(const std::string& policy, bool on);
  [[nodiscard]] Flows flows(const std::string& policy) const;
  /// Calls this with what they noted.
  using FlowSink = std::function<void(const std::string& policy, const std::vector<Flow>&)>;
  void on_flows(FlowSink sink) { sink_ = std::move(sink); }
  /// Calls this with what was refused, in place of the log.
  using RefusalSink = std::function<void(const Report&)>;
  void on_refusals(RefusalSink sink) { refusals_ = std::move(sink); }

 private:
  /// For all searches of one second: the main loop has other things to do.
  static constexpr Milliseconds kLongestLookASecond{100};

  /// `, by curl (pid 4711)`, if it is known.
  [[nodiscard]] std::string process_behind(const Refusal& refusal, const sys::NetnsRef* netns);

  std::map<std::string, Counts> counts_;
  Instant looked_since_{};
  Instant::duration looked_{};
  std::set<std::string> learnt_;
  FlowSink sink_;
  RefusalSink refusals_;
};

}  // namespace nxgate::firewall
