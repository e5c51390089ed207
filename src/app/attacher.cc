#include "app/attacher.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include "app/attachments.h"
#include "app/followed.h"
#include "app/options.h"
#include "app/reloader.h"
#include "app/selection.h"
#include "app/targets.h"
#include "app/unattached.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "docker/client.h"
#include "docker/container.h"
#include "docker/names.h"
#include "docker/netns_watch.h"
#include "docker/watcher.h"
#include "sys/netns.h"

namespace nxgate::app {

namespace asio = boost::asio;

namespace {

constexpr Milliseconds kLookAgain{1000};
/// Between the runtime's first process and the container's own there are tens of milliseconds.
constexpr Milliseconds kLookForOccupant{5};
constexpr Milliseconds kLongestStart{10'000};
/// Looks through /proc that came to no end, one after the other.
constexpr int kMostUnfinishedLooks = 3;
/// How long a container that starts waits for what its image says; it is held to less then.
constexpr Seconds kLongestImage{1};

/// Shares another container's namespace.
bool is_guest(const docker::Container& container) {
  return container.network_mode.starts_with("container:");
}

using Listed = std::function<void(docker::Client::Listing)>;

asio::awaitable<void> list_all(docker::Client client, Listed listed) {
  listed(co_await client.list(true));
}

asio::awaitable<void> list_one(docker::Client client, std::string container, Listed listed) {
  listed(co_await client.list_one(std::move(container)));
}

/// A labelled container is attached by labels of its own, not by its image's.
asio::awaitable<void> with_own_labels(docker::Client client, docker::Container container,
                                      std::function<void(docker::Container)> use) {
  co_await client.tell_labels_apart(container, kLongestImage);
  use(std::move(container));
}

}  // namespace

Attacher::Attacher(asio::io_context& loop, const Options& options, Targets targets,
                   Reloader& reloader, Attachments& attachments)
    : loop_(loop),
      options_(options),
      targets_(std::move(targets)),
      reloader_(reloader),
      attachments_(attachments),
      client_(loop, targets_.socket, labels_that_count(reloader.docker())),
      timer_(loop),
      builds_(attachments),
      occupied_(loop) {
  if (!targets_.socket.empty()) {
    watcher_ = std::make_unique<docker::Watcher>(loop, targets_.socket, *this,
                                                 labels_that_count(reloader.docker()));
  }
}

Attacher::~Attacher() = default;

void Attacher::start(std::function<void(Result<void>)> ready) {
  ready_ = std::move(ready);
  if (watcher_) {
    watcher_->start();
  } else {
    const std::vector<Error> errors = reconcile();
    clean_up();
    be_ready(errors.empty() ? Result<void>() : std::unexpected(errors.front()));
  }
  look_again();
}

void Attacher::reconsider() {
  const docker::LabelKeys labels = labels_that_count(reloader_.docker());
  client_.keep_labels(labels);
  if (watcher_) watcher_->keep_labels(labels);
  reconcile(true);
}

void Attacher::be_ready(Result<void> how) {
  if (ready_) std::exchange(ready_, nullptr)(std::move(how));
}

void Attacher::look_again() {
  timer_.expires_after(kLookAgain);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    look_for_builds();
    reconcile(true);
    clean_up_later();
    look_again();
  });
}

void Attacher::on_engine(const docker::EngineVersion& version) {
  if (lost_) log::info("the engine is back: Docker {}", version.engine);
  if (!lost_) log::info("watching Docker {} at {}", version.engine, targets_.socket);
  lost_ = false;
  trouble_ = "it hasn't told yet which containers run";
  const auto engines_own = sys::NetnsRef::of_pid(docker::engine_process(targets_.socket));
  if (const auto identity = engines_own.identity()) attachments_.spare(*identity);
  watch_namespaces();
}

/// Where the engine keeps them is known once it answers; it may be another engine than before.
void Attacher::watch_namespaces() {
  netns_watch_ =
      std::make_unique<docker::NetnsWatch>(loop_, docker::netns_directory(targets_.socket),
                                           [this](const std::string& path) { appeared(path); });
  if (auto started = netns_watch_->start(); !started) {
    log::warning("{}; a container's first questions may come before it is attached",
                 started.error().message);
  }
}

void Attacher::on_engine_lost(const Error& error) {
  if (!lost_) {
    log::warning("{}; what is attached stays so, and the engine is waited for", error.message);
  }
  lost_ = true;
  trouble_ = error.message;
  tell_unattached();
  if (!ready_) return;
  be_ready(targets_.watches_all() ? Result<void>() : std::unexpected(error));
}

void Attacher::on_containers(const docker::View& view) {
  running_ = view.running;
  view_ = view;
  view_.running.clear();
  listed_ = view.trouble.empty();
  trouble_ = view.trouble;
  for (Followed& each : targets_.containers) each.remember(running_);
  const auto runs = [&](const docker::Container& each) {
    return std::ranges::find(running_, each.id, &docker::Container::id) != running_.end();
  };
  std::erase_if(created_, runs);  // it may be called something else when it starts the next time
  const std::vector<Error> errors = reconcile();
  // A gate that a dead nxgate left may be that of one which isn't known yet.
  if (view.whole) {
    look_for_builds();
    clean_up();
  }
  if (!ready_) return;
  const bool fatal = !targets_.watches_all() && !errors.empty();
  be_ready(fatal ? std::unexpected(errors.front()) : Result<void>());
}

/// A namespace came into being: if a container is about to start in it, its first question must
/// find the gate up already. Some engines make the namespace before there is a process to put into
/// it.
void Attacher::appeared(const std::string& path) {
  const sys::NetnsRef netns(path);
  const auto identity = netns.identity();
  if (!identity) return;
  const bool looking = !empty_.empty();
  learn_created();
  empty_.insert_or_assign(*identity, Empty{netns, Clock::now() + kLongestStart});
  if (!looking) await_occupants();
}

void Attacher::await_occupants() {
  std::set<std::uint64_t> namespaces;
  for (const auto& [identity, empty] : empty_) namespaces.insert(identity);
  for (const auto& [identity, occupant] : occupants_.look(namespaces)) {
    const Empty known = empty_.extract(identity).mapped();
    if (occupant.container.empty()) {
      if (targets_.watches_all()) builds_.begin(known.netns, reloader_.docker());
      // Nor is it closed if builds are to be left alone.
      if (unclaimed_.erase(identity) != 0 && !attachments_.holds(identity)) reconcile();
      continue;
    }
    auto done = [this, identity, known](const Result<void>& attached) {
      if (attached || !attachments_.failure(identity).empty()) return;
      // The engine didn't list it yet.
      empty_.emplace(identity, known);
      await_occupants_later();
    };
    attach_starting(occupant, known.netns, std::move(done));
  }
  // With so many processes it would be known too late whose it is.
  unfinished_looks_ = occupants_.is_round_over() ? 0 : unfinished_looks_ + 1;
  if (unfinished_looks_ >= kMostUnfinishedLooks) {
    for (const auto& [identity, empty] : empty_) close_unclaimed(identity, empty.netns, true);
  }
  std::erase_if(empty_, [&, now = Clock::now()](const auto& each) {
    const bool over = each.second.until < now;
    if (over && unclaimed_.contains(each.first)) {
      log::warning("{} is of no container that is known; nothing resolves in there",
                   each.second.netns.text());
    }
    return over;
  });
  if (!empty_.empty()) await_occupants_later();
}

void Attacher::await_occupants_later() {
  occupied_.expires_after(kLookForOccupant);
  occupied_.async_wait([this](const boost::system::error_code& error) {
    if (!error) await_occupants();
  });
}

/// Before it is known whose namespace it is, so that then nothing need be waited for.
void Attacher::learn_created() {
  auto learn = [this](docker::Client::Listing listed) {
    if (listed.fault) return;
    created_ = std::move(listed.list.containers);
    // One that the list doesn't understand is no reason to forget another.
    if (!listed.list.odd.empty()) return;
    for (Followed& each : targets_.containers) {
      each.forget_removed(created_);
      each.remember(running_);  // who came since the list was made
    }
  };
  asio::co_spawn(loop_, list_all(client_, std::move(learn)), asio::detached);
}

void Attacher::attach_starting(const docker::Occupant& occupant, const sys::NetnsRef& netns,
                               std::function<void(Result<void>)> done) {
  const auto attach = [this, occupant, netns, done](const std::vector<docker::Container>& all) {
    const auto container = std::ranges::find(all, occupant.container, &docker::Container::id);
    if (container == all.end()) return false;
    auto add = [this, occupant, netns, done](docker::Container known) {
      done(add_starting(std::move(known), occupant, netns));
    };
    asio::co_spawn(loop_, with_own_labels(client_, *container, std::move(add)), asio::detached);
    return true;
  };
  if (attach(created_)) return;
  // A busy engine can be long about it, and the container doesn't wait.
  if (const auto identity = netns.identity()) close_unclaimed(*identity, netns, true);
  auto again = [attach, occupant, done](const docker::Client::Listing& listed) {
    if (listed.fault) return done(std::unexpected(*listed.fault));
    if (!attach(listed.list.containers)) done(fail("there is no container " + occupant.container));
  };
  asio::co_spawn(loop_, list_one(client_, occupant.container, std::move(again)), asio::detached);
}

/// What the engine reports may be its last run still.
void Attacher::forget_started() {
  std::erase_if(starting_, [&, now = Clock::now()](const Starting& each) {
    const auto identity = each.netns.identity();
    if (!identity) return true;
    const auto known = std::ranges::find(running_, each.container.id, &docker::Container::id);
    if (known == running_.end()) return false;
    const auto runs_in = sys::NetnsRef::of_pid(known->pid).identity();
    return runs_in && (runs_in == identity || each.until < now);
  });
}

/// In haste: the others are looked at when the engine reports it running.
Result<void> Attacher::add_starting(docker::Container container, const docker::Occupant& occupant,
                                    const sys::NetnsRef& netns) {
  container.pid = occupant.pid;
  container.running = true;
  std::erase_if(starting_, [&](const Starting& each) { return each.container.id == container.id; });
  std::vector<Subject> wanted;
  add_subject(container, netns, wanted);
  starting_.push_back({std::move(container), netns, Clock::now() + kLongestStart});
  if (wanted.empty()) return {};
  wanted.front().starting = true;
  return attachments_.add(wanted.front());
}

std::optional<Choice> Attacher::choose(const docker::Container& container) const {
  if (targets_.watches_all()) {
    return select(container, reloader_.docker(), &reloader_.configured()->policies);
  }
  const auto is_it = [&](const Followed& each) { return each.is(container); };
  if (std::ranges::none_of(targets_.containers, is_it)) return std::nullopt;
  return Choice{.policy = options_.policy, .asked = true};
}

void Attacher::add_subject(const docker::Container& container, const sys::NetnsRef& netns,
                           std::vector<Subject>& wanted) const {
  const bool reachable = container.pid != 0 && container.network_mode != "host";
  const auto choice = reachable ? choose(container) : std::nullopt;
  if (!choice) return;
  // Of these `tell_unattached` tells; who was named is an error.
  const auto identity = netns.identity();
  if (targets_.watches_all() && identity && attachments_.spares(*identity)) return;
  const std::string power = container.power_to_undo();
  wanted.push_back({.label = container.name,
                    .id = "container " + container.id,
                    .netns = netns,
                    .choice = *choice,
                    .warning = power.empty() ? "" : "it " + power + " and can undo the gate",
                    .names = docker::names_for(container, running_),
                    .reverse_names = docker::reverse_names_for(container, running_)});
}

/// Of those that the engine doesn't describe. It may be busy, or be kept busy; that they are closed
/// doesn't wait for it.
void Attacher::find_processes() {
  std::set<std::string> wanted;
  for (const docker::Container& container : running_) {
    if (!container.inspected) wanted.insert(container.id);
  }
  if (wanted.empty()) return;
  const auto found = docker::find_processes(wanted);
  for (docker::Container& container : running_) {
    if (container.inspected) continue;
    const auto process = found.find(container.id);
    container.pid = process == found.end() ? 0 : process->second;
  }
}

/// The owner of a namespace goes before the guests in it.
std::vector<Error> Attacher::reconcile(bool look) {
  find_processes();
  std::vector<Subject> wanted = targets_.namespaces;
  for (const bool guests : {false, true}) {
    for (const docker::Container& container : running_) {
      if (is_guest(container) == guests)
        add_subject(container, sys::NetnsRef::of_pid(container.pid), wanted);
    }
  }
  forget_started();
  for (const Starting& each : starting_) add_subject(each.container, each.netns, wanted);
  if (targets_.watches_all()) builds_.add_subjects(reloader_.docker(), wanted);
  add_unclaimed(wanted);
  std::vector<Error> errors = attachments_.reconcile(wanted, look);
  tell_unattached();
  return errors;
}

}  // namespace nxgate::app
