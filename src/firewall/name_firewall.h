// A namespace's firewall and what it holds open, by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "engine/snapshot.h"
#include "firewall/connection_listeners.h"
#include "firewall/open_addresses.h"
#include "firewall/told_addresses.h"
#include "netfilter/firewall.h"
#include "netfilter/gate.h"
#include "netfilter/links.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"
#include "sys/netns.h"
#include "wire/name.h"

namespace nxgate::firewall {

/// A destination that was refused, or in an audit would have been.
struct Refusal {
  netfilter::Destination to;
  std::string name;  ///< the last one that led there; empty if none is known
};

/// Where new flows went in the last minute, and the names that led to the address: which of them
/// was meant nobody can tell.
struct Flow {
  netfilter::Destination to;
  std::vector<std::string> names;
};

/// Whether a name may open all these destinations by its policy as it is now. Any thread.
using Judge =
    std::function<bool(const std::string& name, std::span<const netfilter::Destination> to)>;

/// By what is published last.
[[nodiscard]] Judge judge_of(const SnapshotCell<engine::Snapshot>& snapshots, std::string policy);

/// Whether new flows are noted, which costs the kernel something for each.
enum class Flows : std::uint8_t { kIgnored = 0, kNoted };

/// What a firewall did since it was asked last.
struct Report {
  std::vector<Refusal> refusals;      ///< of destinations that weren't told of for a minute
  bool all_refusals = true;           ///< false if there were more than can be noted
  std::uint64_t refused_packets = 0;  ///< in an audit those that would have been
  std::uint64_t admissions = 0;       ///< addresses opened or prolonged
  std::vector<Flow> flows;            ///< to addresses with a name, if they are noted
};

/// The firewall of one namespace: installs it, maintains it and opens addresses. Answers are
/// admitted on the workers' threads, the main thread does everything else. A mutex protects what is
/// remembered of open addresses and the rules; upkeep, once a second, reads the kernel without it.
///
/// What the kernel holds is remembered here, so that an answer from the cache costs no system call
/// as long as its addresses are open for longer than it may be kept. The kernel ends each
/// by itself; nothing depends on this process going on.
class NameFirewall final : public policy::EgressSets {
 public:
  NameFirewall(std::string table, netfilter::OnDeath on_death)
      : table_(std::move(table)), on_death_(on_death) {}

  /// Who serves the connections that are checked by name, as connections by this policy. Before
  /// `enforce`; without it a firewall with such checks can't be installed.
  void check_by(ConnectionListeners& listeners, std::string policy) {
    listeners_ = &listeners;
    checked_by_ = std::move(policy);
  }

  /// Installs the firewall, or changes its rules; null removes it. What is open stays open,
  /// including what a dead nxgate left open. With `clients` it is about what is forwarded for them,
  /// and not for `others`; of ranges in ranges the longest decides. Without a firewall nothing of
  /// the namespace is held, however long a snapshot holds this. If an enforcing firewall can't be
  /// installed or changed, nothing is admitted until it can; the previous rules stay.
  [[nodiscard]] Result<void> enforce(const sys::NetnsRef& netns, const policy::Egress* egress,
                                     Flows flows = Flows::kIgnored,
                                     const std::vector<Prefix>& clients = {},
                                     const std::vector<Prefix>& others = {});

  [[nodiscard]] bool admit(const policy::Admission& admission, Instant now) noexcept override;

  [[nodiscard]] bool was_told(ClientKey client, const wire::DomainName& name,
                              const IpAddress& address, Instant now) noexcept override;
  [[nodiscard]] std::optional<wire::DomainName> opener(const IpAddress& address, const Port& port,
                                                       Instant now) noexcept override;
  [[nodiscard]] bool let_onward(std::span<const policy::OnwardFlow> flows) noexcept override;
  void end_onward(std::span<const policy::OnwardFlow> flows) noexcept override;
  void note_unreachable(const Endpoint& server) noexcept override;

  [[nodiscard]] policy::EgressView look(const std::string& name, Instant now) override;
  [[nodiscard]] policy::EgressView look(const IpAddress& address, Instant now) override;

  /// Closes what was opened for names of which `judge` says no. From then on nothing is opened for
  /// such a name, not even by a decision that was made before, when it was allowed.
  void review(Judge judge);

  /// What is open stays so for its time; nothing is opened any more.
  void seal();

  /// Makes the firewall stay, with everything that is open, when this process ends, for another
  /// nxgate to take over; nothing without one. Connections that are checked end, and until then
  /// there are no new ones.
  [[nodiscard]] Result<void> outlive();

  /// Whether there is a firewall, whatever was requested last.
  [[nodiscard]] bool stands() const;

  /// Repairs what changed in the namespace. The result says whether the firewall was gone.
  [[nodiscard]] Result<bool> keep();

  /// What happened since the last call.
  [[nodiscard]] Report report();

  /// Which links its clients are behind.
  [[nodiscard]] netfilter::ClientLinks client_links() const;

  /// Why packet sockets bypass it; empty if they don't.
  [[nodiscard]] std::string packet_error() const;

 private:
  [[nodiscard]] Result<void> install(const sys::NetnsRef& netns,
                                     const netfilter::FirewallRules& rules);
  [[nodiscard]] Result<void> listen(const sys::NetnsRef& netns,
                                    const policy::ConnectionChecks& checks,
                                    netfilter::FirewallRules& rules);
  void adopt();
  [[nodiscard]] bool tell(const policy::Admission& admission, Instant now);
  [[nodiscard]] bool is_allowed();
  [[nodiscard]] bool make_room(ClientKey client, Instant now);
  void forget_ended(Instant now);
  void add_refusals(Report& report, const std::vector<netfilter::Noted>& seen);
  void add_flows(Report& report, const std::vector<netfilter::Noted>& seen) const;
  [[nodiscard]] policy::EgressView look(
      const std::function<bool(const IpAddress&, const std::string&)>& is_wanted, Instant now);
  [[nodiscard]] bool led_to(const std::string& name, const IpAddress& address) const;
  void remember(const IpAddress& address, const std::string& name);

  std::string table_;
  netfilter::OnDeath on_death_;
  ConnectionListeners* listeners_ = nullptr;
  std::string checked_by_;
  std::unique_ptr<ConnectionListeners::Listener> listener_;  ///< where names are checked
  std::map<netfilter::Destination, std::uint64_t> refused_;  ///< and how often, as last seen

  std::mutex mutex_;   ///< over what follows; the main thread reads `firewall_` without
  std::string label_;  ///< of the namespace
  /// Set, and its rules changed, by the main thread. Workers use its rules and `open`.
  std::optional<netfilter::Firewall> firewall_;
  bool failed_ = false;  ///< an enforcing one isn't as it was asked for
  Judge judge_;          ///< of the last review; none yet: as decided
  OpenAddresses open_;
  ToldAddresses told_;
  std::size_t forget_at_ = 1024;
  Instant forgot_{};  ///< what has ended, at last
  std::vector<netfilter::Opened> asked_for_;
  /// That led to an address, the last one at the end.
  boost::unordered_flat_map<IpAddress, std::vector<std::string>, std::hash<IpAddress>> names_;
  std::uint64_t admissions_ = 0;  ///< not reported yet
};

}  // namespace nxgate::firewall
