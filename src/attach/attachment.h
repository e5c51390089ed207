// The state of one attached namespace. Only for the sources of Attachments.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attach/attachments.h"
#include "attach/link_follower.h"
#include "attach/selection.h"
#include "firewall/name_firewall.h"
#include "netfilter/gate.h"
#include "netfilter/queue_hold.h"
#include "store/attached_policy.h"
#include "sys/attached.h"
#include "sys/netns.h"

namespace nxgate::attach {

struct Attachments::Attachment {
  Subject subject;
  sys::NetnsRef pinned;
  sys::Attached right;  ///< to change it, up to the end
  store::AttachedPolicy policy;
  std::shared_ptr<firewall::NameFirewall> firewall;
  std::optional<netfilter::Gate> gate;
  netfilter::QueueHold queues;
  std::string firewall_error{};     ///< why its firewall isn't as its policy says; empty if it is
  std::string trouble{};            ///< in putting right what changed; empty if there is none
  std::vector<std::string> told{};  ///< gaps, in the log
  std::unique_ptr<LinkFollower> links;
};

/// What is enforced for it: `policy ci restricted to "a.test", also restricted by strict`.
[[nodiscard]] std::string described(const Subject& subject);

/// Logs what is wrong with the choice, if it is new.
void complain(const Subject& subject, const Choice& known);

}  // namespace nxgate::attach
