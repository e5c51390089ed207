// What is attached in one namespace, for the sources of Attachments alone.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attach/attachments.h"
#include "attach/link_follower.h"
#include "attach/selection.h"
#include "firewall/fence.h"
#include "netfilter/gate.h"
#include "netfilter/queue_hold.h"
#include "store/attached_policy.h"
#include "sys/netns.h"
#include "sys/reach.h"

namespace nxgate::attach {

struct Attachments::Attachment {
  Subject subject;
  sys::NetnsRef pinned;
  sys::Attached right;  ///< to change it, up to the end
  store::AttachedPolicy policy;
  std::shared_ptr<firewall::Fence> fence;
  std::optional<netfilter::Gate> gate;
  netfilter::QueueHold queues;
  std::string unfenced{};           ///< why its firewall isn't as its policy says; empty if it is
  std::string trouble{};            ///< in putting right what changed; empty if there is none
  std::vector<std::string> told{};  ///< gaps, in the log
  std::unique_ptr<LinkFollower> links;
};

/// What is enforced for it: `policy ci narrowed to "a.test", held to strict`.
[[nodiscard]] std::string described(const Subject& subject);

/// What is wrong with the choice, as far as it is news.
void complain(const Subject& subject, const Choice& known);

}  // namespace nxgate::attach
