// What the controller reports as not attached.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "attach/attachments.h"
#include "attach/controller.h"
#include "attach/followed.h"
#include "attach/unattached.h"
#include "containers/container.h"
#include "sys/netns.h"

namespace nxgate::attach {

/// Everything that runs without an attachment: a state that isn't reported isn't safe.
void Controller::update_unattached() {
  std::vector<Unattached> all;
  for (const Subject& subject : subjects_.namespaces) {
    const auto identity = subject.netns.identity();
    if (identity && attachments_.holds(*identity)) continue;
    all.push_back({.label = subject.label,
                   .netns = identity ? sys::netns_name(*identity) : "",
                   .why = identity ? WhyUnattached::kFailed : WhyUnattached::kNoNamespace,
                   .reason = identity ? attachments_.failure(*identity)
                                      : "the network namespace no longer exists"});
  }
  for (const containers::Container& container : running_) {
    if (auto each = why_unattached(container)) all.push_back(*std::move(each));
  }
  for (const Followed& each : subjects_.containers) {
    if (listed_ && !runs(each)) {
      all.push_back({.label = each.label(),
                     .netns = {},
                     .why = WhyUnattached::kNotRunning,
                     .reason = "it isn't running; nxgate waits for it"});
    }
  }
  if (engine_ && (lost_ || !listed_)) {
    all.push_back(
        {.label = "the engine", .netns = {}, .why = WhyUnattached::kEngine, .reason = trouble_});
  }
  add_undescribed(all);
  add_unknown(all);
  if (subjects_.watches_all()) builds_.add_unattached(policy_store_.docker(), all);
  attachments_.set_unattached(std::move(all));
}

/// One of them, at least.
bool Controller::runs(const Followed& followed) const {
  const auto is_it = [&](const containers::Container& each) { return followed.is(each); };
  return std::ranges::any_of(running_, is_it) ||
         std::ranges::any_of(starting_, is_it, &Starting::container);
}

/// Containers that the engine describes too incompletely to attach.
void Controller::add_undescribed(std::vector<Unattached>& all) const {
  const auto add = [&](std::string label, const std::string& reason) {
    all.push_back({.label = label.empty() ? "a container" : std::move(label),
                   .netns = {},
                   .why = WhyUnattached::kUndescribed,
                   .reason = reason,
                   .wanted = subjects_.watches_all()});
  };
  if (!strangers_fault_.empty()) add("containers that have ended", strangers_fault_);
  for (const containers::OddEntry& odd : view_.odd) {
    add(odd.name.empty() ? odd.id : odd.name,
        "its entry in the engine's list is invalid: " + odd.why);
  }
  for (const auto& [id, why] : view_.uninspected) {
    if (find_running(id) == nullptr) add(id.substr(0, containers::kShortId), why);
  }
}

/// Empty if it is attached, even as another container's namespace.
std::optional<Unattached> Controller::why_unattached(const containers::Container& container) const {
  const auto identity = netns_of(container).identity();
  if (identity && attachments_.holds(*identity)) return std::nullopt;
  const auto choice = choose(container, identity);
  Unattached each{.label = container.name,
                  .netns = identity ? sys::netns_name(*identity) : "",
                  .why = WhyUnattached::kPending,
                  .reason = "it is being attached",
                  .wanted = choice.has_value()};
  const auto because = [&each](WhyUnattached why, std::string reason) {
    each.why = why;
    each.reason = std::move(reason);
  };
  if (container.network_mode == "host" || (identity && attachments_.spares(*identity))) {
    because(WhyUnattached::kHostNetwork, "it uses the host's network, which nxgate never changes");
    each.wanted = choice && choice->asked;
  } else if (!choice && !subjects_.watches_all()) {
    because(WhyUnattached::kNotNamed, "the command line names other containers");
  } else if (!choice && outdated_.contains(container.id)) {
    each.reason = "its labels are being read again, since other labels matter now";
    each.wanted = true;
  } else if (const auto by = identity ? attachments_.left_closed_by(*identity) : "";
             !choice && !by.empty()) {
    because(WhyUnattached::kLeftClosed,
            fmt::format("no rule or label selects it, but it stays closed since {}, which shared "
                        "its network namespace, has ended: restart it to open it",
                        by));
  } else if (!choice) {
    because(WhyUnattached::kUnmatched, "no rule or label selects it");
  } else if (!identity && !container.inspected) {
    const auto failure = view_.uninspected.find(container.id);
    because(WhyUnattached::kUndescribed,
            failure == view_.uninspected.end()
                ? "the engine hasn't described it yet, and none of its processes is visible"
                : failure->second + "; none of its processes is visible either");
  } else if (!identity) {
    because(WhyUnattached::kNoNamespace,
            fmt::format("process {} isn't visible here, so its network can't be found; run nxgate "
                        "on the engine's host, in its pid namespace, as root",
                        container.pid));
  } else if (std::string failure = attachments_.failure(*identity); !failure.empty()) {
    because(WhyUnattached::kFailed, std::move(failure));
  }
  return each;
}

}  // namespace nxgate::attach
