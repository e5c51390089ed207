// Starting containers, from their namespace to their attachment.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/system/error_code.hpp>

#include "attach/attachments.h"
#include "attach/controller.h"
#include "attach/followed.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "containers/container.h"
#include "containers/engine.h"
#include "containers/netns_watch.h"
#include "sys/netns.h"

namespace nxgate::attach {

namespace asio = boost::asio;

namespace {

/// Between the runtime's first process and the container's own there are tens of milliseconds.
constexpr Milliseconds kLookForProcess{5};
constexpr Milliseconds kLongestStart{10'000};
/// How long a starting container waits for the labels of its image; then it is restricted.
constexpr Seconds kLongestImage{1};

using Listed = std::function<void(containers::Listing)>;

asio::awaitable<void> list_all(std::shared_ptr<containers::Engine> engine, Listed listed) {
  listed(co_await engine->list());
}

asio::awaitable<void> list_one(std::shared_ptr<containers::Engine> engine, std::string container,
                               Listed listed) {
  listed(co_await engine->list_one(std::move(container)));
}

/// A labelled container is attached by its own labels, not by its image's.
asio::awaitable<void> with_own_labels(std::shared_ptr<containers::Engine> engine,
                                      containers::Container container,
                                      std::function<void(containers::Container)> use) {
  co_await engine->tell_labels_apart(container, kLongestImage);
  use(std::move(container));
}

}  // namespace

/// A new namespace: if a container is about to start in it, the gate must be there before its first
/// query. Some engines create the namespace before there is a process for it.
void Controller::appeared(const std::string& path) {
  const sys::NetnsRef netns(path);
  const auto identity = netns.identity();
  if (!identity) return;
  attachments_.is_new(*identity);
  const bool looking = !empty_.empty();
  empty_.insert_or_assign(*identity, Empty{netns, Clock::now() + kLongestStart});
  if (!looking) await_processes();
}

/// Usually the first look finds its owner, and earlier reports of the engine determine the policy.
/// If all containers are attached, it is closed after that.
void Controller::await_processes() {
  for (auto& [identity, empty] : empty_) {
    if (empty.looked_at && attaches_all()) close_unclaimed(identity, empty.netns, true);
    empty.looked_at = true;
  }
  std::set<std::uint64_t> namespaces;
  for (const auto& [identity, empty] : empty_) {
    if (!empty.owner_known) namespaces.insert(identity);
  }
  if (!namespaces.empty()) {
    for (const auto& [identity, process] : search_.look(namespaces)) {
      found_process(identity, process);
    }
  }
  std::erase_if(empty_, [&, now = Clock::now()](const auto& each) {
    const bool over = each.second.until < now;
    if (over && unclaimed_.contains(each.first)) {
      log::warning("{} belongs to no known container; nothing resolves in it",
                   each.second.netns.text());
    }
    return over;
  });
  if (!empty_.empty()) await_processes_later();
}

void Controller::await_processes_later() {
  search_timer_.expires_after(kLookForProcess);
  search_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) await_processes();
  });
}

void Controller::found_process(std::uint64_t identity,
                               const containers::ContainerProcess& process) {
  Empty& empty = empty_.at(identity);
  if (process.container.empty()) {
    if (subjects_.watches_all()) builds_.begin(empty.netns, policy_store_.docker());
    return settle(identity);
  }
  empty.owner_known = true;
  attach_starting(process, empty.netns, [this, identity](const Result<void>& attached) {
    if (attached || !attachments_.failure(identity).empty()) return settle(identity);
    // The engine didn't list it yet.
    if (const auto known = empty_.find(identity); known != empty_.end()) {
      known->second.owner_known = false;
    }
  });
}

/// What needs no attachment isn't closed any longer.
void Controller::settle(std::uint64_t identity) {
  empty_.erase(identity);
  if (unclaimed_.erase(identity) == 0 || attachments_.holds(identity)) return;
  let_go_.insert(identity);
  reconcile();
}

/// Lists all containers. Events report later changes.
void Controller::learn_all() {
  if (!engine_) return;
  known_.clear();
  auto learn = [this, list = ++lists_](const containers::Listing& listing) {
    if (listing.fault || list != lists_) return;
    // An invalid entry in the list is no reason to forget other containers.
    if (listing.list.odd.empty()) {
      for (Followed& each : subjects_.containers) {
        each.forget_removed(listing.list.containers);
        each.remember(running_);  // who came since the list was made
      }
    }
    for (const containers::Container& container : listing.list.containers) {
      known_.try_emplace(container.id, container);  // an event's answer is newer
    }
  };
  asio::co_spawn(loop_, list_all(engine_, std::move(learn)), asio::detached);
}

void Controller::on_changed(const std::string& id) {
  const auto [asked, first] = learning_.try_emplace(id);
  asked->second.again = !first;
  if (first) learn(id);
}

void Controller::learn(const std::string& id) {
  auto done = [this, id, list = lists_](const containers::Listing& listing) {
    if (list != lists_) return learn(id);  // other labels count now
    learned(id, listing);
  };
  asio::co_spawn(loop_, list_one(engine_, id, std::move(done)), asio::detached);
}

void Controller::learned(const std::string& id, const containers::Listing& listing) {
  const auto asked = learning_.find(id);
  // What it was when it was asked about will do for who starts.
  for (const auto& use : std::exchange(asked->second.waiting, {})) use(listing);
  if (std::exchange(asked->second.again, false)) return learn(id);
  learning_.erase(asked);
  const auto& containers = listing.list.containers;
  const auto found = std::ranges::find(containers, id, &containers::Container::id);
  if (found != containers.end()) {
    known_.insert_or_assign(id, *found);
    // So that its image needn't be asked for when it starts.
    asio::co_spawn(loop_, with_own_labels(engine_, *found, [](const containers::Container&) {}),
                   asio::detached);
  } else if (!listing.fault && listing.list.odd.empty()) {
    known_.erase(id);
    for (Followed& each : subjects_.containers) each.forget(id);
  }
}

void Controller::attach_starting(const containers::ContainerProcess& process,
                                 const sys::NetnsRef& netns,
                                 const std::function<void(Result<void>)>& done) {
  auto attach = [this, process, netns, done](containers::Container container) {
    auto add = [this, process, netns, done](containers::Container known) {
      done(add_starting(std::move(known), process, netns));
    };
    // A container that is attached by name is attached whatever its labels say.
    if (!subjects_.watches_all()) return add(std::move(container));
    // An image can be made slow to inspect; nothing gets out until its labels are known.
    const auto identity = netns.identity();
    if (identity && !engine_->tells_labels_apart(container) && choose(container, identity)) {
      close_unclaimed(*identity, netns, true);
    }
    asio::co_spawn(loop_, with_own_labels(engine_, std::move(container), std::move(add)),
                   asio::detached);
  };
  if (const auto known = known_.find(process.container); known != known_.end()) {
    return attach(known->second);
  }
  auto ask = [attach, process, done](const containers::Listing& listing) {
    const auto& all = listing.list.containers;
    const auto found = std::ranges::find(all, process.container, &containers::Container::id);
    if (found != all.end()) return attach(*found);
    done(std::unexpected(listing.fault.value_or(Error{"no such container: " + process.container})));
  };
  const auto [asked, first] = learning_.try_emplace(process.container);
  asked->second.waiting.push_back(std::move(ask));
  if (first) learn(process.container);
}

/// The engine may still report its previous run.
void Controller::forget_started() {
  std::erase_if(starting_, [&, now = Clock::now()](const Starting& each) {
    const auto identity = each.netns.identity();
    if (!identity) return true;
    const containers::Container* const known = find_running(each.container.id);
    if (known == nullptr) return false;
    const auto runs_in = sys::NetnsRef::of_pid(known->pid).identity();
    return runs_in && (runs_in == identity || each.until < now);
  });
}

/// Only this one, to be fast: the others are checked when the engine reports it running.
Result<void> Controller::add_starting(containers::Container container,
                                      const containers::ContainerProcess& process,
                                      const sys::NetnsRef& netns) {
  container.pid = process.pid;
  container.running = true;
  std::erase_if(starting_, [&](const Starting& each) { return each.container.id == container.id; });
  if (auto pinned = netns.pin()) {
    places_.insert_or_assign(container.id, Place{.netns = *std::move(pinned), .cgroup = {}});
  }
  std::vector<Subject> wanted;
  add_subject(container, netns, wanted);
  starting_.push_back({std::move(container), netns, Clock::now() + kLongestStart});
  if (wanted.empty()) return {};
  wanted.front().starting = true;
  return attachments_.add(wanted.front());
}

}  // namespace nxgate::attach
