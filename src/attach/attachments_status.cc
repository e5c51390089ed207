// What the log, `status` and metrics report about attachments.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "attach/attachment.h"
#include "attach/attachments.h"
#include "attach/selection.h"
#include "base/escape.h"
#include "base/log.h"
#include "firewall/firewall_reports.h"
#include "firewall/name_firewall.h"
#include "netfilter/gate.h"
#include "netfilter/queue_hold.h"
#include "store/standing_fault.h"
#include "sys/netns.h"

namespace nxgate::attach {
namespace {

/// Why one label can't be attached is logged so often, for a container that is started again and
/// again has other namespaces each time; `status` always has the last reason.
constexpr std::size_t kMostReasons = 8;
/// Of how many labels that is remembered.
constexpr std::size_t kMostLabels = 1024;

}  // namespace

std::string described(const Subject& subject) {
  std::string text = "policy " + subject.choice.policy;
  if (subject.choice.allow) text += " restricted to " + quote(*subject.choice.allow, '"');
  for (const Choice::Other& other : subject.choice.others)
    text += ", also restricted by " + other.policy;
  return text;
}

/// Logs what is wrong with the choice, if it is new.
void complain(const Subject& subject, const Choice& known) {
  const Choice& choice = subject.choice;
  if (!choice.fault.empty() && choice.fault != known.fault) {
    log::error("{}: {}", subject.label, choice.fault);
  }
  if (!choice.complaint.empty() && choice.complaint != known.complaint) {
    log::warning("{}: {}", subject.label, choice.complaint);
  }
}

std::vector<std::string> Attachments::failed_firewalls() const {
  std::vector<std::string> failed;
  for (const auto& [identity, attachment] : attached_) {
    if (attachment->firewall_error.empty()) continue;
    failed.push_back(attachment->subject.label + ": " + attachment->firewall_error);
  }
  return failed;
}

void Attachments::report(std::uint64_t identity, const std::string& label,
                         const std::string& error) {
  failed_.insert_or_assign(identity, error);
  if (told_failures_.size() > kMostLabels) told_failures_.clear();
  std::set<std::string>& told = told_failures_[label];
  if (told.size() == kMostReasons || !told.insert(error).second) return;
  log::error("cannot attach {}: {}", label, error);
}

void Attachments::log_attached(Attachment& attachment) {
  const Subject& subject = attachment.subject;
  log::info("attached {} ({})", subject.label, described(subject));
  complain(subject, {});
  log_gaps(attachment);
}

/// What a program in it can bypass, as far as known.
std::vector<std::string> Attachments::gaps_of(const Attachment& attachment) {
  std::vector<std::string> gaps;
  if (!attachment.firewall_error.empty()) {
    gaps.push_back(
        "its firewall could not be set as its policy says; nxgate retries every second: " +
        attachment.firewall_error);
  }
  if (attachment.subject.unclaimed) return gaps;
  if (!attachment.subject.warning.empty()) gaps.push_back(attachment.subject.warning);
  if (!attachment.gate->stops_packet_sockets()) {
    gaps.push_back(
        fmt::format("a program with NET_RAW can bypass the gate with a packet socket ({}); run it "
                    "with --cap-drop NET_RAW",
                    attachment.gate->egress_error()));
  }
  if (const std::string error = attachment.firewall->packet_error(); !error.empty()) {
    gaps.push_back(fmt::format(
        "a program with NET_RAW can bypass the firewall with a packet socket ({})", error));
  }
  if (const std::string& error = attachment.queues.error(); !error.empty()) {
    gaps.push_back(error + ", which bypasses all rules; run it with --cap-drop NET_RAW");
  }
  if (!attachment.trouble.empty()) gaps.push_back(attachment.trouble);
  return gaps;
}

void Attachments::log_gaps(Attachment& attachment) {
  std::vector<std::string> gaps = gaps_of(attachment);
  for (const std::string& gap : gaps) {
    if (std::ranges::find(attachment.told, gap) == attachment.told.end()) {
      log::warning("{}: {}", attachment.subject.label, gap);
    }
  }
  attachment.told = std::move(gaps);
}

std::vector<store::StandingFault> Attachments::standing_faults() const {
  std::vector<store::StandingFault> standing;
  if (!watch_fault_.empty()) standing.push_back({store::FaultSource::kAttachment, watch_fault_});
  for (const auto& [identity, attachment] : attached_) {
    const Subject& subject = attachment->subject;
    if (const Choice& choice = subject.choice; choice.closed && !subject.unclaimed) {
      standing.push_back({store::FaultSource::kAttachment,
                          fmt::format("{}: {}", subject.label,
                                      choice.fault.empty() ? choice.complaint : choice.fault)});
    }
    for (const std::string& gap : attachment->told) {
      standing.push_back({store::FaultSource::kAttachment, subject.label + ": " + gap});
    }
  }
  return standing;
}

std::string Attachments::failure(std::uint64_t identity) const {
  const auto failed = failed_.find(identity);
  return failed == failed_.end() ? std::string() : failed->second;
}

void Attachments::take_reports() {
  for (const auto& [identity, attachment] : attached_) take_report(*attachment);
}

void Attachments::take_report(Attachment& attachment) {
  const Subject& subject = attachment.subject;
  const auto egress = egress_of(subject);
  reports_.take({subject.label, subject.choice.policy, egress.get(), &attachment.pinned},
                *attachment.firewall);
}

std::vector<Attachments::View> Attachments::view() const {
  std::vector<View> views;
  views.reserve(attached_.size());
  for (const auto& [identity, attachment] : attached_) {
    const Subject& subject = attachment->subject;
    if (subject.unclaimed) continue;
    std::vector<std::string> others;
    others.reserve(subject.choice.others.size());
    for (const Choice::Other& other : subject.choice.others) others.push_back(other.policy);
    views.push_back({.label = subject.label,
                     .policy = subject.choice.policy,
                     .narrowed = subject.choice.allow.value_or(""),
                     .others = std::move(others),
                     .netns = sys::netns_name(identity),
                     .key = attachment->policy.key,
                     .has_firewall = attachment->firewall->stands(),
                     .firewall_error = attachment->firewall_error});
  }
  return views;
}

}  // namespace nxgate::attach
