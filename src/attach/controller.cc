#include "attach/controller.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <fcntl.h>

#include "attach/attachments.h"
#include "attach/followed.h"
#include "attach/selection.h"
#include "attach/subjects.h"
#include "attach/unattached.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "containers/container.h"
#include "containers/engine.h"
#include "containers/names.h"
#include "containers/namespaces.h"
#include "containers/netns_watch.h"
#include "containers/shared_network.h"
#include "store/policy_store.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::attach {

namespace asio = boost::asio;

namespace {

constexpr Milliseconds kLookAgain{1000};

std::string id_of(const containers::Container& container) { return "container " + container.id; }

}  // namespace

Controller::Controller(asio::io_context& loop, Subjects subjects,
                       std::shared_ptr<containers::Engine> engine, store::PolicyStore& policy_store,
                       Attachments& attachments, sys::Descriptor inotify)
    : loop_(loop),
      engine_(std::move(engine)),
      subjects_(std::move(subjects)),
      policy_store_(policy_store),
      attachments_(attachments),
      inotify_(std::move(inotify)),
      timer_(loop),
      builds_(attachments),
      search_timer_(loop) {
  if (engine_) engine_->keep_labels(labels_that_count(policy_store.docker()));
}

Controller::~Controller() {
  if (engine_) engine_->end_watch();
}

void Controller::start(std::function<void(Result<void>)> ready) {
  ready_ = std::move(ready);
  if (engine_) {
    engine_->watch(*this);
  } else {
    const std::vector<Error> errors = reconcile();
    clean_up();
    be_ready(errors.empty() ? Result<void>() : std::unexpected(errors.front()));
  }
  attachments_.begin_upkeep();
  look_again();
}

void Controller::reconsider() {
  if (engine_ && engine_->keep_labels(labels_that_count(policy_store_.docker()))) {
    for (const containers::Container& each : running_) outdated_.insert(each.id);
    for (const Starting& each : starting_) outdated_.insert(each.container.id);
  }
  learn_all();
  reconcile();
}

void Controller::be_ready(Result<void> how) {
  if (ready_) std::exchange(ready_, nullptr)(std::move(how));
}

void Controller::look_again() {
  timer_.expires_after(kLookAgain);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (!watch_fault_.empty()) begin_watch();
    look_for_builds();
    drop_ended();
    reconcile();
    clean_up_later();
    look_again();
  });
}

void Controller::on_engine(const containers::EngineVersion& version) {
  if (lost_) log::info("the {} engine is back: version {}", engine_->name(), version.engine);
  if (!lost_) {
    log::info("watching {} {} at {}", engine_->name(), version.engine, engine_->socket());
  }
  lost_ = false;
  trouble_ = "it hasn't listed its containers yet";
  looked_for_strangers_ = false;
  const auto engines_own = sys::NetnsRef::of_pid(engine_->process());
  if (const auto identity = engines_own.identity()) attachments_.spare(*identity);
  watch_namespaces();
  learn_all();
}

/// Their directory is known once the engine answers; it may be another engine than before.
void Controller::watch_namespaces() {
  netns_directory_ = engine_->namespaces();
  // Another number of the same one: each would count for our user.
  netns_watch_ = std::make_unique<containers::NetnsWatch>(
      loop_, netns_directory_, [this](const std::string& path) { appeared(path); },
      sys::Descriptor(::fcntl(inotify_.get(), F_DUPFD_CLOEXEC, 0)));
  begin_watch();
}

void Controller::begin_watch() {
  const auto started = netns_watch_->start();
  std::string fault;
  if (!started) {
    fault = started.error().message +
            "; a container may send packets before it is attached, which takes up to 1 s";
  }
  if (std::exchange(watch_fault_, fault) == fault) return;
  if (fault.empty()) {
    log::info("watching for container namespaces again");
  } else {
    log::warning("{}", fault);
  }
  attachments_.set_watch_fault(fault);
}

/// A starting container stays in that state until the engine reports it running.
void Controller::note_outdated() {
  std::erase_if(outdated_, [this](const std::string& id) {
    if (find_running(id) != nullptr) return !view_.outdated.contains(id);
    const auto is_it = [&](const Starting& each) { return each.container.id == id; };
    return std::ranges::none_of(starting_, is_it);
  });
}

const containers::Container* Controller::find_running(const std::string& id) const {
  const auto found = std::ranges::find(running_, id, &containers::Container::id);
  return found == running_.end() ? nullptr : &*found;
}

void Controller::on_engine_lost(const Error& error) {
  if (!lost_) {
    log::warning("{}; attached containers stay attached; waiting for the engine", error.message);
  }
  lost_ = true;
  trouble_ = error.message;
  update_unattached();
  if (!ready_) return;
  be_ready(subjects_.watches_all() ? Result<void>() : std::unexpected(error));
}

void Controller::on_containers(const containers::View& view) {
  const std::vector<containers::Container> before = std::exchange(running_, view.running);
  keep_outliving(before);
  view_ = view;
  view_.running.clear();
  note_outdated();
  listed_ = view.trouble.empty();
  trouble_ = view.trouble;
  if (listed_ && !looked_for_strangers_) find_strangers();
  for (Followed& each : subjects_.containers) each.remember(running_);
  const std::vector<Error> errors = reconcile();
  // A gate that a dead nxgate left may belong to a container that isn't known yet.
  if (view.whole) {
    look_for_builds();
    clean_up();
  }
  if (!ready_) return;
  const bool fatal = !subjects_.watches_all() && !errors.empty();
  be_ready(fatal ? std::unexpected(errors.front()) : Result<void>());
}

/// For the namespace in which it is, if that is known.
std::optional<Choice> Controller::choose(const containers::Container& container,
                                         std::optional<std::uint64_t> identity) const {
  if (const auto kept = outliving_.find(container.id); kept != outliving_.end()) {
    return kept->second;
  }
  if (subjects_.watches_all()) {
    const bool outdated = identity && outdated_.contains(container.id);
    if (const Choice* last = outdated ? attachments_.choice(*identity) : nullptr) return *last;
    return select(container, policy_store_.docker(), &policy_store_.configured()->policies);
  }
  const auto is_it = [&](const Followed& each) { return each.is(container); };
  if (std::ranges::none_of(subjects_.containers, is_it)) return std::nullopt;
  return Choice{.policy = subjects_.policy, .asked = true};
}

void Controller::add_subject(const containers::Container& container, const sys::NetnsRef& netns,
                             std::vector<Subject>& wanted) const {
  const bool located = container.pid != 0 || places_.contains(container.id);
  const bool reachable = located && container.network_mode != "host";
  const auto identity = netns.identity();
  const auto choice = reachable ? choose(container, identity) : std::nullopt;
  if (!choice) return;
  // `update_unattached` reports these; a named container is an error.
  if (subjects_.watches_all() && identity && attachments_.spares(*identity)) return;
  const std::string power = container.power_to_undo();
  const std::vector<containers::SharedNetwork>& shared = view_.shared_networks;
  wanted.push_back({.label = container.name,
                    .id = id_of(container),
                    .netns = netns,
                    .choice = *choice,
                    .warning = power.empty() ? "" : "it " + power + " and can undo the gate",
                    .names = containers::names_for(container, running_, shared),
                    .reverse_names = containers::reverse_names_for(container, running_, shared),
                    .unknown_names = containers::unknown_names(container, running_, shared)});
}

/// Whether it runs where it was attached, and should no longer be attached.
bool Controller::released(const Subject& subject, std::uint64_t identity) const {
  if (subject.unclaimed) return let_go_.contains(identity);
  if (!subjects_.watches_all()) return false;
  if (is_build(subject)) return !select_for_builds(policy_store_.docker());
  const auto container = std::ranges::find_if(
      running_, [&](const containers::Container& each) { return id_of(each) == subject.id; });
  return container != running_.end() && container->inspected &&
         !outdated_.contains(container->id) && netns_of(*container).identity() == identity &&
         !choose(*container, identity);
}

/// The owner of a namespace comes before the members of it.
std::vector<Error> Controller::reconcile() {
  find_processes();
  note_places();
  std::vector<Subject> wanted = subjects_.namespaces;
  for (const bool members : {false, true}) {
    for (const containers::Container& container : running_) {
      if (container.namespace_owner().empty() == members) continue;
      add_subject(container, netns_of(container), wanted);
    }
  }
  forget_started();
  for (const Starting& each : starting_) add_subject(each.container, each.netns, wanted);
  if (subjects_.watches_all()) builds_.add_subjects(policy_store_.docker(), wanted);
  add_unclaimed(wanted);
  const auto is_released = [this](const Subject& subject, std::uint64_t identity) {
    return released(subject, identity);
  };
  std::vector<Error> errors = attachments_.reconcile(wanted, is_released);
  let_go_.clear();
  update_unattached();
  return errors;
}

}  // namespace nxgate::attach
