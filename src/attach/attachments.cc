#include "attach/attachments.h"

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include "attach/attachment.h"
#include "attach/service.h"
#include "base/error.h"
#include "base/log.h"
#include "firewall/connection_listeners.h"
#include "firewall/firewall_reports.h"
#include "firewall/name_firewall.h"
#include "netfilter/firewall.h"
#include "netfilter/gate.h"
#include "netfilter/link_watch.h"
#include "netfilter/links.h"
#include "policy/grants.h"
#include "store/attached_policy.h"
#include "store/policy_store.h"
#include "sys/attached.h"
#include "sys/netns.h"
#include "wire/name.h"

namespace nxgate::attach {

using netfilter::Gate;

namespace {

/// Where it is closed by a fault nothing resolves, not even local names.
void set_policy(store::AttachedPolicy& policy, const Subject& subject,
                const std::shared_ptr<firewall::NameFirewall>& firewall) {
  policy.sets = subject.choice.closed ? nullptr : firewall;
  policy.base = subject.choice.policy;
  policy.budget_key = subject.id;
  const auto allow = subject.choice.closed ? std::optional<std::string>("") : subject.choice.allow;
  policy.narrowing = allow ? store::narrowing_of(*allow, subject.label) : nullptr;
  policy.others.clear();
  for (const Choice::Other& other : subject.choice.others) {
    policy.others.push_back(
        {other.policy, other.allow ? store::narrowing_of(*other.allow, subject.label) : nullptr});
  }
  policy.neighbours =
      subject.choice.closed ? nullptr : store::neighbours_of(subject.names, subject.reverse_names);
}

}  // namespace

Attachments::Attachments(boost::asio::io_context& loop, store::PolicyStore& policy_store,
                         Service& service, firewall::FirewallReports& reports,
                         firewall::ConnectionListeners& connections, netfilter::OnDeath on_death)
    : loop_(loop),
      policy_store_(policy_store),
      service_(service),
      reports_(reports),
      connections_(connections),
      on_death_(on_death),
      upkeep_(loop) {
  for (const auto& host : {sys::NetnsRef(), sys::NetnsRef::of_pid(1)}) {
    if (const auto identity = host.identity()) spared_.insert(*identity);
  }
}

Attachments::~Attachments() = default;

std::vector<Error> Attachments::reconcile(const std::vector<Subject>& wanted,
                                          const Released& released) {
  std::map<std::uint64_t, const Subject*> present;
  std::map<std::uint64_t, Subject> shared;
  std::vector<Error> errors;
  for (const Subject& subject : wanted) {
    const auto identity = subject.netns.identity();
    if (!identity) continue;
    const auto [first, added] = present.emplace(*identity, &subject);
    if (added) continue;
    Subject& held = shared.try_emplace(*identity, *first->second).first->second;
    restrict_by_member(held, subject);
    first->second = &held;
  }
  bool changed = false;
  std::erase_if(attached_, [&](auto& entry) {
    const bool gone = !present.contains(entry.first);
    if (gone && released(entry.second->subject, entry.first)) {
      detach(*entry.second, netfilter::FlowCleanup::kNone);
    } else if (gone) {
      leave(*entry.second);
      left_closed_.insert_or_assign(entry.first, entry.second->subject.label);
    }
    changed = changed || gone;
    return gone;
  });
  std::erase_if(failed_, [&](const auto& entry) { return !present.contains(entry.first); });
  for (const auto& [identity, subject] : present) {
    if (const auto held = attached_.find(identity); held != attached_.end()) {
      changed = update(*held->second, *subject) || changed;
    } else if (auto done = attach(identity, *subject); !done) {
      report(identity, subject->label, done.error().message);
      errors.push_back({subject->label + ": " + done.error().message});
    }
  }
  if (changed) publish();
  follow_policies();
  return errors;
}

/// What an attachment needs before its policy is in force: its namespace, with a lo, and the right
/// to change it.
Result<std::unique_ptr<Attachments::Attachment>> Attachments::prepare(std::uint64_t identity,
                                                                      const Subject& subject) {
  if (spared_.contains(identity)) {
    return fail(
        "it uses the host's network, which nxgate never changes; point its DNS at nxgate with "
        "--dns instead");
  }
  auto attachment = std::make_unique<Attachment>();
  auto pinned = subject.netns.pin();
  if (!pinned) return std::unexpected(pinned.error());
  attachment->subject = subject;
  attachment->pinned = *std::move(pinned);
  auto right = sys::Attached::at(attachment->pinned);
  if (!right) return std::unexpected(right.error());
  attachment->right = *std::move(right);
  // Without it there is no 127.0.0.1 to listen on.
  const auto woken = netfilter::bring_up_lo(attachment->pinned);
  if (!woken) return std::unexpected(woken.error());
  if (*woken) log::info("{}: lo was down and has been brought up", subject.label);
  attachment->policy.key = fmt::format("attached/{}", identity);
  attachment->policy.label = subject.label;
  attachment->policy.grants = std::make_shared<policy::Grants>(wire::process_hash_key());
  attachment->firewall =
      std::make_shared<firewall::NameFirewall>(std::string(netfilter::Firewall::kTable), on_death_);
  attachment->firewall->check_by(connections_, attachment->policy.key);
  set_policy(attachment->policy, subject, attachment->firewall);
  return attachment;
}

/// The policy is in force before the listeners serve, and the listeners serve before queries are
/// redirected.
Result<void> Attachments::attach(std::uint64_t identity, const Subject& subject) {
  auto prepared = prepare(identity, subject);
  if (!prepared) return std::unexpected(prepared.error());
  auto watch = netfilter::LinkWatch::open((*prepared)->pinned);
  auto sockets = service_.open((*prepared)->pinned, (*prepared)->policy.key);
  if (!sockets) return std::unexpected(sockets.error());
  const netfilter::GatePorts ports = (*sockets)->ports();
  const auto& held = attached_.emplace(identity, *std::move(prepared)).first->second;
  publish();
  (*sockets)->serve();
  if (auto installed = install_rules(*held, ports); !installed) {
    service_.end(held->policy.key);
    attached_.erase(identity);
    publish();
    return installed;
  }
  review(*held);
  follow_links(*held, std::move(watch));
  failed_.erase(identity);
  told_failures_.erase(subject.label);
  left_closed_.erase(identity);
  if (subject.unclaimed) {
    log_gaps(*held);
  } else {
    log_attached(*held);
  }
  return {};
}

/// Puts its firewall, if it has one, and its gate in place.
Result<void> Attachments::install_rules(Attachment& attachment, const netfilter::GatePorts& ports) {
  const Subject& subject = attachment.subject;
  // A gate alone is better than nothing if it should be closed because of a fault.
  if (auto enforced = enforce(attachment); !enforced && !subject.choice.closed) return enforced;
  const auto inside = subject.starting ? netfilter::Inside::kStarting : netfilter::Inside::kRunning;
  auto gate = Gate::install(attachment.pinned, ports, on_death_, inside);
  if (!gate) {
    (void)attachment.firewall->enforce(attachment.pinned, nullptr);
    return std::unexpected(gate.error());
  }
  attachment.gate = *std::move(gate);
  if (egress_of(subject) == nullptr) remove_dead_firewall(attachment);
  return {};
}

/// An earlier nxgate may have enforced one there, which would go on refusing.
void Attachments::remove_dead_firewall(const Attachment& attachment) {
  const auto removed = netfilter::remove_firewall(attachment.pinned, netfilter::Firewall::kTable);
  const std::string& label = attachment.subject.label;
  if (!removed) {
    log::warning("{}: {}", label, removed.error().message);
  } else if (*removed) {
    log::info("{}: the firewall of an earlier nxgate has been removed, since its policy has none",
              label);
  }
}

bool Attachments::holds(std::uint64_t identity) const {
  const auto held = attached_.find(identity);
  return held != attached_.end() && !held->second->subject.unclaimed;
}

const Choice* Attachments::choice(std::uint64_t identity) const {
  return holds(identity) ? &attached_.at(identity)->subject.choice : nullptr;
}

std::string Attachments::left_closed_by(std::uint64_t identity) const {
  const auto left = left_closed_.find(identity);
  return left == left_closed_.end() ? std::string() : left->second;
}

Result<void> Attachments::add(const Subject& subject) {
  const auto identity = subject.netns.identity();
  if (!identity) return fail(subject.label + " no longer has a network namespace");
  if (const auto held = attached_.find(*identity); held != attached_.end()) {
    Subject both = held->second->subject.unclaimed ? subject : held->second->subject;
    if (!held->second->subject.unclaimed) restrict_by_member(both, subject);
    if (update(*held->second, both)) {
      publish();
      follow_policy(*held->second);
    }
    return {};
  }
  auto done = attach(*identity, subject);
  if (!done) report(*identity, subject.label, done.error().message);
  return done;
}

/// Whether something changed that must be published.
bool Attachments::update(Attachment& attachment, const Subject& subject) {
  Subject& known = attachment.subject;
  const bool chosen_anew = known.choice != subject.choice;
  const bool same = !chosen_anew && known.unclaimed == subject.unclaimed &&
                    known.id == subject.id && known.names == subject.names &&
                    known.reverse_names == subject.reverse_names &&
                    known.unknown_names == subject.unknown_names;
  known.label = subject.label;
  const bool claimed = known.unclaimed && !subject.unclaimed;
  if (same) return false;
  const Choice before = known.choice;
  known = subject;
  set_policy(attachment.policy, subject, attachment.firewall);
  if (claimed) {
    attachment.policy.label = subject.label;
    log_attached(attachment);
    return true;
  }
  if (chosen_anew) log::info("{}: {} from now on", subject.label, described(subject));
  complain(subject, before);
  return true;
}

void Attachments::detach(Attachment& attachment, netfilter::FlowCleanup flows) {
  take_report(attachment);
  if (auto removed = attachment.firewall->enforce(attachment.pinned, nullptr); !removed) {
    log::warning("{}: {}", attachment.subject.label, removed.error().message);
  }
  if (auto opened = attachment.gate->remove(flows); !opened) {
    log::warning("{}: {}", attachment.subject.label, opened.error().message);
  }
  service_.end(attachment.policy.key);
  if (!attachment.subject.unclaimed) log::info("detached {}", attachment.subject.label);
}

void Attachments::leave(Attachment& attachment) {
  take_report(attachment);
  attachment.firewall->seal();
  outlive(attachment);
  service_.end(attachment.policy.key);
  log::info(
      "detached {}, which has ended; its network namespace stays closed for whatever still runs in "
      "it",
      attachment.subject.label);
}

/// Also where the kernel would open them when this process ends, as with `fail = "open"` after a
/// crash.
void Attachments::outlive(Attachment& attachment) {
  for (const auto& done : {attachment.firewall->outlive(), attachment.gate->outlive()}) {
    if (!done) log::error("{}: {}", attachment.subject.label, done.error().message);
  }
}

void Attachments::hand_over() {
  for (const auto& [identity, attachment] : attached_) {
    take_report(*attachment);
    outlive(*attachment);
  }
  if (!attached_.empty()) {
    log::info("{} left in place for the next nxgate to take over",
              attached_.size() == 1 ? "1 attachment is"
                                    : fmt::format("{} attachments are", attached_.size()));
  }
  attached_.clear();
}

void Attachments::detach_all() {
  for (const auto& [identity, attachment] : attached_) {
    const auto egress = egress_of(attachment->subject);
    if (egress != nullptr && egress->stays_closed) {
      take_report(*attachment);
      outlive(*attachment);
      log::warning(
          "{} stays closed, as its policy {} says: whatever isn't open now is refused until "
          "another nxgate attaches it or `nxgate detach` opens it",
          attachment->subject.label, attachment->subject.choice.policy);
    } else {
      detach(*attachment, netfilter::FlowCleanup::kForget);
    }
  }
  attached_.clear();
}

void Attachments::publish() {
  std::vector<store::AttachedPolicy> policies;
  policies.reserve(attached_.size());
  for (const auto& [identity, attachment] : attached_) policies.push_back(attachment->policy);
  policy_store_.attached().assign(std::move(policies));
  policy_store_.changed(policy_store_.attached());
}

}  // namespace nxgate::attach
