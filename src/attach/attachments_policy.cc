// Which policy and firewall hold in an attached namespace, also after they changed.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "attach/attachment.h"
#include "attach/attachments.h"
#include "attach/selection.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/egress.h"
#include "firewall/fence.h"
#include "firewall/fence_reports.h"
#include "netfilter/firewall.h"
#include "policy/egress.h"
#include "policy/policy.h"
#include "store/attached_policy.h"
#include "store/reloader.h"

namespace nxgate::attach {

/// Where nothing resolves by a fault, one that opens nothing: what it was meant to be isn't known.
std::shared_ptr<const policy::Egress> Attachments::egress_of(const Subject& subject) const {
  static const auto closed = std::make_shared<const policy::Egress>();
  if (subject.choice.closed) return closed;
  const auto snapshot = reloader_.snapshots().load();
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

/// Says so in `fault` where not both can be held, and nothing resolves or is reached.
void Attachments::hold_to_guest(Subject& subject, const Subject& guest) const {
  hold_to(subject.choice, guest.choice, guest.label);
  const auto snapshot = reloader_.snapshots().load();
  std::vector<const policy::Policy*> held{snapshot->policies.find(subject.choice.policy)};
  for (const Choice::Other& other : subject.choice.others) {
    const auto* const theirs = snapshot->policies.find(other.policy);
    for (const policy::Policy* const own : held) {
      if (own == nullptr || theirs == nullptr || store::can_hold_both(*own, *theirs)) continue;
      subject.choice.closed = true;
      subject.choice.fault = fmt::format(
          "the policies {} and {} in one namespace have a firewall each, so that nothing is "
          "resolved or reached; give its containers the same policy",
          own->name, theirs->name);
    }
    held.push_back(theirs);
  }
}

/// Brings every firewall in line with its policy as it is now, and tries those again that failed.
void Attachments::follow_policies() {
  auto current = reloader_.snapshots().load();
  const bool anew = current != followed_;
  followed_ = std::move(current);
  for (const auto& [identity, attachment] : attached_) {
    if (!anew && attachment->unfenced.empty()) continue;
    follow_policy(*attachment);
  }
}

void Attachments::follow_policy(Attachment& attachment) {
  const bool failed = !attachment.unfenced.empty();
  if (enforce(attachment) && failed) {
    log::info("{}: its firewall is as its policy says", attachment.subject.label);
  }
  review(attachment);
  tell_gaps(attachment);
}

/// The firewall of its policy, or none.
Result<void> Attachments::enforce(Attachment& attachment) {
  const Subject& subject = attachment.subject;
  auto done = attachment.fence->enforce(attachment.pinned, egress_of(subject).get(),
                                        reports_.flows(subject.choice.policy));
  attachment.unfenced = done ? "" : done.error().message;
  return done;
}

/// Closes what was opened for names that are no longer allowed, or by other ports.
void Attachments::review(Attachment& attachment) {
  const auto snapshot = reloader_.snapshots().load();
  const policy::Policy* const policy = snapshot->policies.find(attachment.policy.key);
  attachment.fence->review([&](const std::string& name, const netfilter::Destination& to) {
    return !attachment.subject.choice.closed &&
           engine::opens(policy, name, to.address, to.port, Clock::now());
  });
}

}  // namespace nxgate::attach
