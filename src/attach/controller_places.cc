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
    return !starting.contains(place.first) &&
           std::ranges::find(running_, place.first, &containers::Container::id) == running_.end();
  });
  for (const containers::Container& container : running_) {
    if (container.pid == 0 || container.network_mode == "host") continue;
    if (starting.contains(container.id)) continue;
    const auto known = places_.find(container.id);
    // A process that wasn't reported by the engine can be any process of the container.
    const pid_t pid = container.inspected ? container.pid : 0;
    const bool same =
        known != places_.end() && (pid == 0 || known->second.pid == 0 || known->second.pid == pid);
    if (same) {
      if (pid != 0) known->second.pid = pid;
      continue;
    }
    places_.erase(container.id);                     // of an earlier run
    if (!choose(container, std::nullopt)) continue;  // it needs no attachment
    if (auto pinned = first_place(container).pin()) {
      places_.emplace(container.id, Place{pid, *std::move(pinned)});
    }
  }
}

/// Where the engine put it: its first process can have gone elsewhere. A member is in its owner's
/// namespace, unless the owner began anew since.
sys::NetnsRef Controller::first_place(const containers::Container& container) const {
  const std::string id = container.namespace_owner();
  if (id.empty()) return containers::netns_of(container, netns_directory_);
  const auto owner = std::ranges::find(running_, id, &containers::Container::id);
  if (owner == running_.end()) return sys::NetnsRef::of_pid(container.pid);
  const auto began = sys::start_time(container.pid);
  const bool before = began && began < sys::start_time(owner->pid);
  return before ? sys::NetnsRef::of_pid(container.pid) : netns_of(*owner);
}

sys::NetnsRef Controller::netns_of(const containers::Container& container) const {
  const auto known = places_.find(container.id);
  return known != places_.end() ? known->second.netns : first_place(container);
}

/// The processes of a member can outlive it, in a namespace that lives on: its policy still
/// applies.
void Controller::keep_outliving(const std::vector<containers::Container>& before) {
  std::set<std::string> gone;
  for (const containers::Container& each : before) {
    const bool placed = !each.namespace_owner().empty() && places_.contains(each.id);
    if (placed &&
        std::ranges::find(running_, each.id, &containers::Container::id) == running_.end()) {
      gone.insert(each.id);
    }
  }
  const std::set<std::string> alive = containers::still_alive(gone);
  for (const containers::Container& each : before) {
    if (!alive.contains(each.id)) continue;
    running_.push_back(each);
    if (outliving_.contains(each.id)) continue;
    log::warning(
        "{}: the engine reports its end, but it still has processes; its policy applies until they "
        "end",
        each.name);
  }
  outliving_ = alive;
  std::erase_if(strangers_, [&](const auto& each) { return !alive.contains(each.first); });
}

/// No engine tells of their end.
void Controller::drop_ended() {
  if (outliving_.empty()) return;
  const std::set<std::string> alive = containers::still_alive(outliving_);
  const auto ended = [&](const std::string& id) {
    return outliving_.contains(id) && !alive.contains(id);
  };
  std::erase_if(running_, [&](const containers::Container& each) { return ended(each.id); });
  std::erase_if(strangers_, [&](const auto& each) { return ended(each.first); });
  outliving_ = alive;
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
  if (!found) {
    log::warning(
        "there are too many processes to find those of ended containers; a namespace that one of "
        "them shares has the policy of its owner");
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
    strangers_.emplace(id, std::move(fault));
    outliving_.insert(id);
    running_.push_back({.id = id,
                        .name = id.substr(0, containers::kShortId),
                        .running = true,
                        .inspected = true,
                        .pid = each.process.pid,
                        .network_mode = "container:" + owner.id});
  }
}

}  // namespace nxgate::attach
