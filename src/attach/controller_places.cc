// Where containers run, and which of them run on though the engine reports their end.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/types.h>

#include "attach/controller.h"
#include "attach/selection.h"
#include "base/log.h"
#include "containers/cgroup.h"
#include "containers/container.h"
#include "containers/engine.h"
#include "containers/namespaces.h"
#include "containers/process_search.h"
#include "sys/netns.h"
#include "sys/process.h"

namespace nxgate::attach {

/// For those that the engine doesn't describe. It may be busy, or kept busy; closing them doesn't
/// wait for it.
void Controller::find_processes() {
  std::set<std::string> wanted;
  for (const containers::Container& container : running_) {
    if (!container.inspected) wanted.insert(container.id);
  }
  if (wanted.empty()) return;
  const auto found = containers::find_processes(wanted);
  for (containers::Container& container : running_) {
    if (container.inspected) continue;
    const auto process = found.find(container.id);
    container.pid = process == found.end() ? 0 : process->second;
  }
}

/// Of running containers. A starting one has its place already.
void Controller::note_places() {
  std::set<std::string> starting;
  for (const Starting& each : starting_) starting.insert(each.container.id);
  std::erase_if(places_, [&](const auto& place) {
    return !starting.contains(place.first) && find_running(place.first) == nullptr;
  });
  for (const containers::Container& container : running_) {
    if (container.pid == 0 || container.network_mode == "host") continue;
    if (starting.contains(container.id)) continue;
    // A process that wasn't reported by the engine can be any process of the container.
    const pid_t pid = container.inspected ? container.pid : 0;
    const auto known = places_.find(container.id);
    if (known != places_.end() && goes_on(known->second, container)) {
      if (pid != 0) known->second.pid = pid;
      known->second.sure = is_sure(container);
    } else {
      places_.erase(container.id);
      if (!choose(container, std::nullopt)) continue;  // it needs no attachment
      auto pinned = first_place(container).pin();
      if (!pinned) continue;
      places_.emplace(
          container.id,
          Place{.pid = pid, .sure = is_sure(container), .netns = *std::move(pinned), .cgroup = {}});
    }
    auto& cgroup = places_.at(container.id).cgroup;
    if (!cgroup) cgroup = containers::Cgroup::of(container.pid, container.id);
  }
}

/// Whether the place is of this run, and the right one as far as is known now.
bool Controller::goes_on(const Place& place, const containers::Container& container) const {
  if (!container.inspected) return true;
  if (place.pid != 0 && place.pid != container.pid) return false;
  if (place.sure) return true;
  const auto described = first_place(container).identity();
  return !described || described == place.netns.identity();
}

/// Until the engine has described it, and its owner, its place may be where a process of it went.
bool Controller::is_sure(const containers::Container& container) const {
  const std::string id = container.namespace_owner();
  if (!container.inspected || id.empty()) return container.inspected;
  if (const auto place = places_.find(id); place != places_.end()) return place->second.sure;
  const containers::Container* const owner = find_running(id);
  return owner == nullptr || owner->inspected;
}

/// Where the engine put it: its first process can have gone elsewhere. A member is in its owner's
/// namespace, unless the owner began anew since.
sys::NetnsRef Controller::first_place(const containers::Container& container) const {
  const std::string id = container.namespace_owner();
  if (id.empty()) return containers::netns_of(container, netns_directory_);
  const containers::Container* const owner = find_running(id);
  if (owner == nullptr) return sys::NetnsRef::of_pid(container.pid);
  const auto began = sys::start_time(container.pid);
  const bool before = began && began < sys::start_time(owner->pid);
  return before ? sys::NetnsRef::of_pid(container.pid) : netns_of(*owner);
}

sys::NetnsRef Controller::netns_of(const containers::Container& container) const {
  const auto known = places_.find(container.id);
  return known != places_.end() ? known->second.netns : first_place(container);
}

/// As its cgroup says, or else a search.
bool Controller::lives_on(const std::string& id) const {
  const auto place = places_.find(id);
  if (place == places_.end()) return false;
  const auto& cgroup = place->second.cgroup;
  return cgroup ? cgroup->state() != containers::Cgroup::State::kEmpty : containers::is_alive(id);
}

/// The processes of a container can outlive it, for the engine watches its first thread: its policy
/// still applies.
void Controller::keep_outliving(const std::vector<containers::Container>& before) {
  std::map<std::string, std::optional<Choice>> kept;
  for (const containers::Container& each : before) {
    if (find_running(each.id) != nullptr || !lives_on(each.id)) continue;
    kept.emplace(each.id, choose(each, netns_of(each).identity()));
    running_.push_back(each);
    running_.back().networks.clear();  // its addresses may be given to others
    if (outliving_.contains(each.id)) continue;
    log::warning(
        "{}: the engine reports its end, but it still has processes; its policy applies until they "
        "end",
        each.name);
  }
  outliving_ = std::move(kept);
}

/// No engine tells of their end.
void Controller::drop_ended() {
  std::erase_if(running_, [this](const containers::Container& each) {
    return outliving_.contains(each.id) && !lives_on(each.id) && outliving_.erase(each.id) != 0;
  });
}

/// Members that outlived their end before this start. Their policy isn't known, so nothing resolves
/// until they end.
void Controller::find_strangers() {
  looked_for_strangers_ = view_.whole;
  if (!subjects_.watches_all()) return;
  find_processes();
  std::map<std::uint64_t, const containers::Container*> owners;
  std::set<std::string> known;
  for (const containers::Container& each : running_) {
    known.insert(each.id);
    if (each.network_mode == "host" || !each.namespace_owner().empty()) continue;
    if (const auto identity = netns_of(each).identity()) owners.emplace(*identity, &each);
  }
  for (const auto& [id, why] : view_.uninspected) known.insert(id);
  for (const containers::OddEntry& each : view_.odd) known.insert(each.id);
  std::set<std::uint64_t> namespaces;
  for (const auto& [identity, owner] : owners) namespaces.insert(identity);
  const auto found = containers::find_strangers(namespaces, known);
  strangers_fault_.clear();
  if (!found) {
    strangers_fault_ =
        "there are too many processes to find theirs; where one of them shares a namespace, the "
        "policy of the namespace's owner applies alone";
    return;
  }
  for (const containers::Stranger& each : *found) {
    const containers::Container& owner = *owners.at(each.netns);
    const std::string& id = each.process.container;
    std::string fault = fmt::format(
        "process {} of the container {} still runs in the namespace of {}, though the engine "
        "reports no such container as running: nothing resolves until it ends",
        each.process.pid, id.substr(0, containers::kShortId), owner.name);
    log::warning("{}", fault);
    outliving_.emplace(id, Choice{.allow = "", .fault = std::move(fault), .closed = true});
    running_.push_back({.id = id,
                        .name = id.substr(0, containers::kShortId),
                        .running = true,
                        .inspected = true,
                        .pid = each.process.pid,
                        .network_mode = "container:" + owner.id});
  }
}

}  // namespace nxgate::attach
