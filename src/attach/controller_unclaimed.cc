// Namespaces of the engine whose owner isn't known, or wasn't.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attach/attachments.h"
#include "attach/controller.h"
#include "attach/selection.h"
#include "attach/stale_tables.h"
#include "attach/unattached.h"
#include "base/clock.h"
#include "containers/container.h"
#include "containers/namespaces.h"
#include "sys/netns.h"

namespace nxgate::attach {
namespace {

/// It reads the directory of every process.
constexpr Milliseconds kLookForBuilds{10'000};
/// The owner is known by then.
constexpr Milliseconds kLongestUnknown{10'000};

/// By it nothing resolves.
Subject unclaimed_subject(const sys::NetnsRef& netns, bool starting) {
  return {.label = "the network namespace " + netns.text(),
          .id = "unclaimed",
          .netns = netns,
          .choice = {.allow = "", .closed = true},
          .warning = {},
          .starting = starting,
          .unclaimed = true};
}

}  // namespace

bool Controller::attaches_all() const {
  return subjects_.watches_all() && policy_store_.docker().attach_all;
}

/// If all containers are attached, a namespace isn't left open long while its owner is searched: a
/// container with thousands of processes can make that slow.
void Controller::close_unclaimed(std::uint64_t identity, const sys::NetnsRef& netns,
                                 bool starting) {
  if (attachments_.spares(identity) || attachments_.holds(identity) ||
      unclaimed_.contains(identity)) {
    return;
  }
  const auto pinned = netns.pin();
  if (!pinned || pinned->identity() != identity) return;
  unclaimed_.insert_or_assign(identity, *pinned);
  (void)attachments_.add(unclaimed_subject(*pinned, starting));  // which reports what went wrong
}

/// Those without a known owner yet.
void Controller::add_unclaimed(std::vector<Subject>& wanted) {
  if (unclaimed_.empty()) return;
  for (const Subject& subject : wanted) {
    if (const auto identity = subject.netns.identity()) unclaimed_.erase(*identity);
  }
  // What the engine has given up stays closed for whoever is in there still.
  const auto there = present();
  std::erase_if(unclaimed_, [&](const auto& each) { return !there.contains(each.first); });
  for (const auto& [identity, netns] : unclaimed_) wanted.push_back(unclaimed_subject(netns, true));
}

/// Build steps that were there before nxgate, or that were missed.
void Controller::look_for_builds() {
  if (!netns_watch_ || !subjects_.watches_all()) return;
  std::map<std::uint64_t, sys::NetnsRef> unheld = present();
  std::erase_if(unheld, [&](const auto& each) { return attachments_.holds(each.first); });
  note_unknown(unheld);
  const std::set<std::uint64_t> known = known_namespaces();
  for (const auto& [identity, netns] : unheld) {
    const bool closed = known.contains(identity) || unclaimed_.contains(identity);
    // It was there before us.
    if (listed_ && !closed && attaches_all()) close_unclaimed(identity, netns, false);
  }
  if (Clock::now() < next_look_for_builds_) return;
  std::set<std::uint64_t> identities;
  for (const auto& [identity, netns] : unheld) {
    if (!empty_.contains(identity)) identities.insert(identity);
  }
  if (!identities.empty()) {
    for (const auto& [identity, process] : missed_.look(identities)) {
      if (!process.container.empty()) continue;
      builds_.begin(unheld.at(identity), policy_store_.docker());
      if (unclaimed_.erase(identity) != 0) let_go_.insert(identity);
    }
  }
  builds_.look_at_host(sys::NetnsRef::of_pid(engine_->process()), policy_store_.docker());
  // With many processes one look isn't enough.
  next_look_for_builds_ = Clock::now() + (missed_.is_round_over() ? kLookForBuilds : Seconds(0));
}

/// Since when, because a new container isn't known at once.
void Controller::note_unknown(const std::map<std::uint64_t, sys::NetnsRef>& unheld) {
  std::erase_if(unknown_, [&](const auto& each) { return !unheld.contains(each.first); });
  for (const auto& [identity, netns] : unheld) {
    unknown_.try_emplace(identity, Unknown{netns, Clock::now()});
  }
}

/// Of running containers and build steps.
std::set<std::uint64_t> Controller::known_namespaces() const {
  std::set<std::uint64_t> known = builds_.namespaces();
  for (const containers::Container& container : running_) {
    if (const auto identity = netns_of(container).identity()) {
      known.insert(*identity);
    }
  }
  return known;
}

/// Those whose owner neither the engine nor a process reveals: anything may run in them.
void Controller::add_unknown(std::vector<Unattached>& all) const {
  if (unknown_.empty()) return;
  const std::set<std::uint64_t> known = known_namespaces();
  for (const auto& [identity, unknown] : unknown_) {
    const bool told = known.contains(identity) || attachments_.holds(identity);
    if (told || Clock::now() - unknown.since < kLongestUnknown) continue;
    const bool closed = unclaimed_.contains(identity) && attachments_.failure(identity).empty();
    all.push_back(
        {.label = "the network namespace " + unknown.netns.text(),
         .netns = sys::netns_name(identity),
         .why = WhyUnattached::kUndescribed,
         .reason =
             std::string(
                 "no container that the engine lists and no build step is known to be in it") +
             (closed ? "; nothing resolves in it" : ""),
         .wanted = policy_store_.docker().attach_all});
  }
}

/// Once what should be attached is: a gate that a dead nxgate left is no gap until then. What was
/// asked for one namespace by name leaves those of others closed.
void Controller::clean_up() {
  if (!subjects_.watches_all() || std::exchange(cleaned_up_, true)) return;
  maybe_stale_ = present();
  std::set<std::uint64_t> spared;
  for (const auto& [identity, netns] : maybe_stale_) spared.insert(identity);
  remove_all_stale_tables(spared);
  clean_up_later();
}

/// Of those whose owner wasn't known in time.
void Controller::clean_up_later() {
  if (maybe_stale_.empty()) return;
  const std::set<std::uint64_t> alone = left_alone();
  std::erase_if(maybe_stale_, [&](const auto& each) {
    const auto& [identity, netns] = each;
    if (netns.identity() != identity || attachments_.holds(identity)) return true;
    if (!alone.contains(identity)) return false;
    remove_stale_tables(netns);
    return true;
  });
}

/// The namespaces of containers and build steps that need no attachment; none, while the namespace
/// of a container is unknown.
std::set<std::uint64_t> Controller::left_alone() const {
  std::set<std::uint64_t> alone;
  std::set<std::uint64_t> wanted;
  for (const containers::Container& container : running_) {
    if (container.network_mode == "host") continue;
    const auto identity = netns_of(container).identity();
    if (!identity) return {};
    const bool sure =
        container.inspected && !outdated_.contains(container.id) && !choose(container, identity);
    (sure ? alone : wanted).insert(*identity);
  }
  if (!select_for_builds(policy_store_.docker())) alone.merge(builds_.namespaces());
  for (const std::uint64_t identity : wanted) alone.erase(identity);
  return alone;
}

std::map<std::uint64_t, sys::NetnsRef> Controller::present() const {
  std::map<std::uint64_t, sys::NetnsRef> found;
  if (netns_directory_.empty()) return found;
  for (const sys::NetnsRef& netns : containers::namespaces_in(netns_directory_)) {
    const auto identity = netns.identity();
    if (identity && !attachments_.spares(*identity)) found.emplace(*identity, netns);
  }
  return found;
}

}  // namespace nxgate::attach
