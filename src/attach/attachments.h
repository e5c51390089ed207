// The namespaces that are attached: a gate, listeners and a policy each.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "attach/selection.h"
#include "attach/service.h"
#include "attach/unattached.h"
#include "base/error.h"
#include "containers/names.h"
#include "engine/snapshot.h"
#include "firewall/connection_listeners.h"
#include "firewall/firewall_reports.h"
#include "netfilter/gate.h"
#include "netfilter/link_watch.h"
#include "policy/egress.h"
#include "store/attached_policy.h"
#include "store/policy_store.h"
#include "store/standing_fault.h"
#include "sys/netns.h"

namespace nxgate::attach {

/// A namespace that should be attached, and the policy to enforce in it.
struct Subject {
  std::string label;  ///< as the operator knows it: `web`, `pid 4711`, `/run/netns/app`
  /// A stable identity across new namespaces, as after a restart: the id of a container, or what
  /// names a namespace.
  std::string id;
  sys::NetnsRef netns;
  Choice choice;
  std::string warning;    ///< for the log when it is attached
  bool starting = false;  ///< nothing has run in there yet
  /// Its owner isn't known yet: closed, and not reported, until another subject claims it.
  bool unclaimed = false;
  bool enclosed = false;  ///< no link leads out of it
  std::vector<containers::NamedAddresses> names{};
  std::vector<containers::AddressName> reverse_names{};
  std::string unknown_names{};  ///< which others there are on its networks, and why
};

/// Makes the attachments match the wanted subjects. Main thread; destroying it leaves every gate in
/// place.
class Attachments {
 public:
  /// Our own namespace and that of the first process are never attached.
  Attachments(boost::asio::io_context& loop, store::PolicyStore& policy_store, Service& service,
              firewall::FirewallReports& reports, firewall::ConnectionListeners& connections,
              netfilter::OnDeath on_death);
  ~Attachments();
  Attachments(const Attachments&) = delete;
  Attachments& operator=(const Attachments&) = delete;

  /// Whether a namespace should be opened although its subject still exists.
  using Released = std::function<bool(const Subject& subject, std::uint64_t identity)>;

  /// Attaches, updates and detaches. What is no longer wanted is opened only if it is `released`:
  /// when a process, a container or a name is gone, something else may still run in the namespace,
  /// so it stays closed and ends with its last process. Two subjects in one namespace are one
  /// attachment with the policy of the first, restricted by that of the other if it was asked for
  /// (restrict_by). The errors are those of subjects that could not be attached; each is logged
  /// once.
  std::vector<Error> reconcile(const std::vector<Subject>& wanted, const Released& released);

  /// From now on looks after each attachment once a second, one in a turn of the loop: repairs what
  /// was changed in its namespace, retries what failed, takes its report.
  void begin_upkeep();

  /// Attaches this one as well, if it isn't; a member of an attached namespace restricts it by its
  /// own policy.
  [[nodiscard]] Result<void> add(const Subject& subject);

  struct View {
    std::string label;
    std::string policy;
    std::string narrowed;             ///< the rules of a label; empty for none
    std::vector<std::string> others;  ///< policies that must allow as well
    std::string netns;
    std::string key;               ///< by which its listeners name its policy
    bool has_firewall = false;     ///< there is a firewall
    std::string firewall_error{};  ///< why it isn't as the policy says; empty if it is
  };
  /// What is attached, for the operator.
  [[nodiscard]] std::vector<View> view() const;

  /// Collects the firewalls' reports now; otherwise this happens once a second.
  void take_reports();

  /// Removes every gate, except where a firewall stays closed.
  void detach_all();
  /// Leaves every gate and firewall for the next nxgate.
  void hand_over();

  /// Whether it is attached for a known subject.
  [[nodiscard]] bool holds(std::uint64_t identity) const;

  /// What is enforced there; null if it isn't attached for a known subject.
  [[nodiscard]] const Choice* choice(std::uint64_t identity) const;

  /// Why attaching failed, as logged; empty if it wasn't tried or isn't any more.
  [[nodiscard]] std::string failure(std::uint64_t identity) const;

  /// Whose end left the namespace closed; empty if none did since it was attached or is a new one.
  [[nodiscard]] std::string left_closed_by(std::uint64_t identity) const;
  /// Another namespace has been given that identity.
  void is_new(std::uint64_t identity) { left_closed_.erase(identity); }

  /// Nor is this one: the engine's.
  void spare(std::uint64_t identity) { spared_.insert(identity); }
  [[nodiscard]] bool spares(std::uint64_t identity) const { return spared_.contains(identity); }

  /// What programs in attached namespaces can bypass.
  [[nodiscard]] std::vector<store::StandingFault> standing_faults() const;
  /// Only those of firewalls, which are retried every second.
  [[nodiscard]] std::vector<std::string> failed_firewalls() const;

  /// Why new namespaces aren't reported; empty if they are.
  void set_watch_fault(std::string fault) { watch_fault_ = std::move(fault); }

  /// What isn't attached, as the controller reports it.
  void set_unattached(std::vector<Unattached> all) { unattached_.set(std::move(all)); }
  [[nodiscard]] const std::vector<Unattached>& unattached() const noexcept {
    return unattached_.all();
  }

 private:
  struct Attachment;
  using Attached = std::map<std::uint64_t, std::unique_ptr<Attachment>>;

  void restrict_by_member(Subject& subject, const Subject& member) const;
  [[nodiscard]] Result<std::unique_ptr<Attachment>> prepare(std::uint64_t identity,
                                                            const Subject& subject);
  [[nodiscard]] Result<void> attach(std::uint64_t identity, const Subject& subject);
  [[nodiscard]] Result<void> install_rules(Attachment& attachment,
                                           const netfilter::GatePorts& ports);
  void report(std::uint64_t identity, const std::string& label, const std::string& error);
  bool update(Attachment& attachment, const Subject& subject);
  void look_after_next();
  void look_after(Attachment& attachment);
  void keep_rules(Attachment& attachment);
  [[nodiscard]] static std::vector<std::string> gaps_of(const Attachment& attachment);
  void log_gaps(Attachment& attachment);
  void log_attached(Attachment& attachment);
  void follow_links(Attachment& attachment, Result<netfilter::LinkWatch> watch);
  void follow_policies();
  void follow_policy(Attachment& attachment);
  [[nodiscard]] std::shared_ptr<const policy::Egress> egress_of(const Subject& subject) const;
  void review(Attachment& attachment);
  [[nodiscard]] Result<void> enforce(Attachment& attachment);
  void take_report(Attachment& attachment);
  void detach(Attachment& attachment, netfilter::FlowCleanup flows);
  void leave(Attachment& attachment);
  static void remove_dead_firewall(const Attachment& attachment);
  static void outlive(Attachment& attachment);
  void publish();

  boost::asio::io_context& loop_;
  store::PolicyStore& policy_store_;
  Service& service_;
  firewall::FirewallReports& reports_;
  firewall::ConnectionListeners& connections_;
  netfilter::OnDeath on_death_;
  std::set<std::uint64_t> spared_;
  Attached attached_;
  boost::asio::steady_timer upkeep_;
  std::uint64_t looked_after_ = 0;                              ///< the last one
  std::shared_ptr<const engine::Snapshot> followed_;            ///< by the firewalls
  std::map<std::uint64_t, std::string> failed_;                 ///< and why
  std::map<std::string, std::set<std::string>> told_failures_;  ///< by label, until it is attached
  std::map<std::uint64_t, std::string> left_closed_;            ///< by the end of whom
  UnattachedList unattached_;
  std::string watch_fault_;
};

}  // namespace nxgate::attach
