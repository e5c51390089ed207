// Looking after what is attached.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <boost/system/error_code.hpp>

#include "attach/attachment.h"
#include "attach/attachments.h"
#include "attach/link_follower.h"
#include "base/error.h"
#include "base/log.h"
#include "firewall/name_firewall.h"
#include "netfilter/gate.h"
#include "netfilter/link_watch.h"
#include "netfilter/queue_hold.h"

namespace nxgate::attach {
namespace {

constexpr std::chrono::microseconds kUpkeep{1'000'000};

}  // namespace

void Attachments::begin_upkeep() {
  upkeep_.expires_after(kUpkeep / std::max<std::size_t>(1, attached_.size()));
  upkeep_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    look_after_next();
    begin_upkeep();
  });
}

void Attachments::look_after_next() {
  if (attached_.empty()) return;
  auto next = attached_.upper_bound(looked_after_);
  if (next == attached_.end()) next = attached_.begin();
  looked_after_ = next->first;
  look_after(*next->second);
}

void Attachments::look_after(Attachment& attachment) {
  if (!attachment.firewall_error.empty()) follow_policy(attachment);
  if (!attachment.queues.error().empty()) attachment.queues.keep(attachment.pinned);
  keep_rules(attachment);
  log_gaps(attachment);
  take_report(attachment);
}

/// From now on as soon as they change: what was set up before the watch is checked once more.
void Attachments::follow_links(Attachment& attachment, Result<netfilter::LinkWatch> watch) {
  if (attachment.subject.enclosed) return;
  attachment.queues.keep(attachment.pinned);
  if (!watch) {
    log::warning("{}: {}; new links are closed within a second", attachment.subject.label,
                 watch.error().message);
    return;
  }
  attachment.links = std::make_unique<LinkFollower>(loop_, *std::move(watch), [this, &attachment] {
    // First what an attacker could hold permanently.
    attachment.queues.keep(attachment.pinned);
    keep_rules(attachment);
    log_gaps(attachment);
  });
}

/// Repairs what changed in the namespace.
void Attachments::keep_rules(Attachment& attachment) {
  const std::string& label = attachment.subject.label;
  attachment.trouble.clear();
  if (const auto kept = attachment.gate->keep(); !kept) {
    attachment.trouble = kept.error().message;
  } else if (*kept) {
    log::warning("{}: nxgate's rules were removed by another program; they have been restored",
                 label);
  }
  if (const auto kept = attachment.firewall->keep(); !kept) {
    attachment.trouble = kept.error().message;
  } else if (*kept) {
    log::warning("{}: nxgate's firewall was removed by another program; it has been restored",
                 label);
  }
}

}  // namespace nxgate::attach
