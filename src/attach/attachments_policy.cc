// Which policy and firewall hold in an attached namespace, also after they changed.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "attach/attachment.h"
#include "attach/attachments.h"
#include "attach/selection.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/snapshot.h"
#include "firewall/firewall_reports.h"
#include "firewall/name_firewall.h"
#include "netfilter/firewall.h"
#include "policy/egress.h"
#include "policy/policy.h"
#include "store/attached_policy.h"
#include "store/policy_store.h"

namespace nxgate::attach {

/// If nothing resolves because of a fault, a firewall that opens nothing: the intended one isn't
/// known.
std::shared_ptr<const policy::Egress> Attachments::egress_of(const Subject& subject) const {
  static const auto closed = std::make_shared<const policy::Egress>();
  if (subject.choice.closed) return closed;
  const auto snapshot = policy_store_.snapshots().load();
  const auto* const policy = snapshot->policies.find(subject.choice.policy);
  if (policy == nullptr) return closed;
  auto found = policy->egress;
  for (const Choice::Other& other : subject.choice.others) {
    const auto* const theirs = snapshot->policies.find(other.policy);
    if (theirs == nullptr) return closed;
    if (!found) found = theirs->egress;
  }
  return found;
}

/// Sets `fault` if both policies can't be combined, so that nothing resolves or is reached.
void Attachments::restrict_by_member(Subject& subject, const Subject& member) const {
  restrict_by(subject.choice, member.choice, member.label);
  const auto snapshot = policy_store_.snapshots().load();
  std::vector<const policy::Policy*> held{snapshot->policies.find(subject.choice.policy)};
  for (const Choice::Other& other : subject.choice.others) {
    const auto* const theirs = snapshot->policies.find(other.policy);
    for (const policy::Policy* const own : held) {
      if (own == nullptr || theirs == nullptr || store::can_hold_both(*own, *theirs)) continue;
      subject.choice.closed = true;
      subject.choice.fault = fmt::format(
          "the policies {} and {} in one namespace each have a firewall, so nothing can be "
          "resolved or reached; give its containers the same policy",
          own->name, theirs->name);
    }
    held.push_back(theirs);
  }
}

/// Updates every firewall to its present policy.
void Attachments::follow_policies() {
  auto current = policy_store_.snapshots().load();
  if (current == followed_) return;
  followed_ = std::move(current);
  for (const auto& [identity, attachment] : attached_) follow_policy(*attachment);
}

void Attachments::follow_policy(Attachment& attachment) {
  const bool failed = !attachment.firewall_error.empty();
  if (enforce(attachment) && failed) {
    log::info("{}: the firewall is up to date again", attachment.subject.label);
  }
  review(attachment);
  log_gaps(attachment);
}

/// The firewall of its policy, or none.
Result<void> Attachments::enforce(Attachment& attachment) {
  const Subject& subject = attachment.subject;
  auto done = attachment.firewall->enforce(attachment.pinned, egress_of(subject).get(),
                                           reports_.flows(subject.choice.policy));
  attachment.firewall_error = done ? "" : done.error().message;
  return done;
}

/// Closes what was opened for names that are no longer allowed, or on other ports.
void Attachments::review(Attachment& attachment) {
  attachment.firewall->review(firewall::judge_of(policy_store_.snapshots(), attachment.policy.key));
}

}  // namespace nxgate::attach
