#include "docker/watcher.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
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
#include <boost/asio/steady_timer.hpp>
#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/no_throw.h"
#include "docker/client.h"
#include "docker/container_reader.h"
#include "docker/event.h"
#include "docker/image.h"
#include "docker/inspections.h"
#include "docker/swarm.h"

namespace nxgate::docker {

namespace asio = boost::asio;

namespace {

constexpr Milliseconds kFirstWait{100};
constexpr Milliseconds kLongestWait{5000};
/// Events that can't be understood cause no more than one list in this time.
constexpr Milliseconds kListsApart{5000};

}  // namespace

/// Shared by the coroutines, which may outlive the Watcher until they notice.
class Watcher::State : public std::enable_shared_from_this<Watcher::State> {
 public:
  State(asio::io_context& loop, std::string socket, Observer& observer, LabelKeys labels, Pace pace)
      : loop_(loop),
        labels_(std::move(labels)),
        client_(loop, socket, labels_),
        swarm_(std::make_shared<Swarm>(loop, std::move(socket), [this] { report(); })),
        observer_(observer),
        pace_(pace),
        waiting_(loop),
        due_(loop),
        inspections_(pace.retry, pace.longest_retry) {}

  void start();
  void stop();
  bool keep_labels(const LabelKeys& labels);

 private:
  static asio::awaitable<void> run(std::shared_ptr<State> self);
  static asio::awaitable<void> tend(std::shared_ptr<State> self);
  static asio::awaitable<void> list(std::shared_ptr<State> self, unsigned session);
  static asio::awaitable<void> inspect(std::shared_ptr<State> self, std::string id);

  asio::awaitable<Error> follow();
  void subscribed(const EngineVersion& version);
  void seen(const Event& event);
  void puzzled(const Error& error);
  void lost(const Error& error);
  void begin_list();
  void listed(Listing listing);
  void log_odd(const std::vector<OddEntry>& odd);
  void expect(const std::string& id);
  void refresh(const std::string& id);
  void begin_inspections();
  void inspected(const std::string& id, Result<std::optional<Container>> result);
  void update(const std::string& id, std::optional<Container> container);
  void forget_the_gone(const std::map<std::string, Container>& listed);
  [[nodiscard]] Instant next_due() const;
  void do_due();
  void report();
  [[nodiscard]] View view() const;

  asio::io_context& loop_;
  LabelKeys labels_;
  Client client_;
  std::shared_ptr<Swarm> swarm_;
  Observer& observer_;
  Pace pace_;
  asio::steady_timer waiting_;
  Milliseconds wait_ = kFirstWait;
  bool stopped_ = false;
  bool told_lost_ = false;
  asio::steady_timer due_;  ///< runs until the next of what is done by the clock

  unsigned session_ = 0;  ///< counts connections
  bool connected_ = false;
  Instant connected_since_;

  Instant next_list_ = Instant::max();  ///< max: not connected, or one is under way
  Instant last_list_;
  Milliseconds list_wait_{0};                ///< after the last failure
  bool listed_once_ = false;                 ///< in this session, or failed to be
  std::string trouble_;                      ///< with the last list
  std::map<std::string, Container> listed_;  ///< by id, of the last list, as far as it still runs
  std::vector<OddEntry> odd_;

  std::map<std::string, Container> view_;  ///< by id, as inspected
  std::set<std::string> outdated_;         ///< see View
  Inspections inspections_;
  std::set<std::string> missing_;  ///< what the last list brought and isn't inspected yet
  Instant gather_until_ = Instant::max();
  std::optional<View> reported_;  ///< empty: the next view is news in any case
};

void Watcher::State::start() {
  asio::co_spawn(loop_, run(shared_from_this()), asio::detached);
  asio::co_spawn(loop_, tend(shared_from_this()), asio::detached);
  swarm_->start();
}

void Watcher::State::stop() {
  stopped_ = true;
  client_.close();
  swarm_->stop();
  waiting_.cancel();
  due_.cancel();
}

bool Watcher::State::keep_labels(const LabelKeys& labels) {
  const bool known = std::ranges::includes(labels_, labels);
  labels_ = labels;
  client_.keep_labels(labels);
  if (known) return false;
  for (const auto& [id, container] : listed_) outdated_.insert(id);
  for (const auto& [id, container] : view_) outdated_.insert(id);
  for (const std::string& id : outdated_) refresh(id);
  reported_.reset();  // that they were read is news, whatever it brings
  if (connected_) begin_list();
  return true;
}

asio::awaitable<void> Watcher::State::run(std::shared_ptr<State> self) {
  while (!self->stopped_) {
    const Error error = co_await self->follow();
    if (self->stopped_) break;
    self->lost(error);
    if (self->stopped_) break;
    self->waiting_.expires_after(self->wait_);
    self->wait_ = std::min(2 * self->wait_, kLongestWait);
    co_await self->waiting_.async_wait(kNoThrow);
  }
}

/// One connection, from the engine's version to the end of its events.
asio::awaitable<Error> Watcher::State::follow() {
  const Result<EngineVersion> version = co_await client_.version();
  if (!version) co_return version.error();
  if (stopped_) co_return Error();
  const std::function<void()> on_subscribed = [this, &version] { subscribed(*version); };
  const std::function<void(const Event&)> on_event = [this](const Event& event) { seen(event); };
  const std::function<void(const Error&)> on_odd = [this](const Error& error) { puzzled(error); };
  co_return co_await client_.events(on_subscribed, on_event, on_odd);
}

void Watcher::State::subscribed(const EngineVersion& version) {
  if (stopped_) return;
  told_lost_ = false;
  ++session_;
  connected_ = true;
  connected_since_ = Clock::now();
  begin_list();
  observer_.on_engine(version);
}

void Watcher::State::seen(const Event& event) {
  if (stopped_) return;
  if (event.concerns_next_start()) observer_.on_changed(event.container);
  if (!event.concerns_what_runs()) return;
  if (!event.container.empty()) return refresh(event.container);
  for (const auto& [id, container] : view_) refresh(id);  // a network was removed from under them
}

/// Whatever it told of is seen in the list.
void Watcher::State::puzzled(const Error& error) {
  if (stopped_) return;
  log::repeated("docker event", error.message);
  if (next_list_ == Instant::max()) return;
  next_list_ = std::min(next_list_, std::max(Clock::now(), last_list_ + kListsApart));
  due_.cancel();
}

void Watcher::State::lost(const Error& error) {
  ++session_;
  // An engine that ends every connection at once isn't asked ten times a second.
  if (connected_ && Clock::now() - connected_since_ >= kLongestWait) wait_ = kFirstWait;
  connected_ = false;
  listed_once_ = false;
  next_list_ = Instant::max();
  gather_until_ = Instant::max();
  missing_.clear();
  reported_.reset();
  if (!std::exchange(told_lost_, true)) observer_.on_engine_lost(error);
}

void Watcher::State::begin_list() {
  next_list_ = Instant::max();
  last_list_ = Clock::now();
  asio::co_spawn(loop_, list(shared_from_this(), session_), asio::detached);
}

asio::awaitable<void> Watcher::State::list(std::shared_ptr<State> self, unsigned session) {
  Listing listing = co_await self->client_.list(false);
  if (!self->stopped_ && self->session_ == session) self->listed(std::move(listing));
}

/// Inspects what is new or differs, and what was there before and isn't now. In a new session all
/// of it: what happened meanwhile needn't show in the list.
void Watcher::State::listed(Listing listing) {
  std::map<std::string, Container> found;
  for (Container& each : listing.list.containers) {
    if (each.running) found.insert_or_assign(each.id, std::move(each));
  }
  const bool first = !std::exchange(listed_once_, true);
  for (const auto& [id, container] : found) {
    const auto before = listed_.find(id);
    const bool same = before != listed_.end() && before->second == container;
    if (first || !same || !view_.contains(id)) expect(id);
  }
  if (listing.fault) {
    log::repeated("docker list", listing.fault->message);
    trouble_ = listing.fault->message;
    list_wait_ = std::clamp(2 * list_wait_, pace_.retry, pace_.longest_retry);
    next_list_ = Clock::now() + list_wait_;
    for (auto& [id, container] : found) listed_.insert_or_assign(id, std::move(container));
  } else {
    trouble_.clear();
    list_wait_ = Milliseconds(0);
    next_list_ = Clock::now() + pace_.relist;
    for (const auto& [id, container] : view_) {
      if (!found.contains(id)) expect(id);
    }
    forget_the_gone(found);
    listed_ = std::move(found);
  }
  log_odd(listing.list.odd);
  odd_ = std::move(listing.list.odd);
  gather_until_ = Clock::now() + pace_.gather;
  due_.cancel();
  report();
}

void Watcher::State::log_odd(const std::vector<OddEntry>& odd) {
  for (const OddEntry& entry : odd) {
    if (std::ranges::find(odd_, entry) != odd_.end()) continue;
    log::repeated("docker odd " + entry.id,
                  fmt::format("the Docker engine's list has an invalid entry, \"{}\" {}: {}; it "
                              "isn't attached; other entries are still used",
                              entry.name, entry.id, entry.why));
  }
}

/// A container that failed and isn't there any more.
void Watcher::State::forget_the_gone(const std::map<std::string, Container>& listed) {
  inspections_.forget_failures(
      [&](const std::string& id) { return !listed.contains(id) && !view_.contains(id); });
}

void Watcher::State::expect(const std::string& id) {
  missing_.insert(id);
  refresh(id);
}

/// Sees to it that the container is inspected, by an inspection that begins now or later.
void Watcher::State::refresh(const std::string& id) {
  inspections_.want(id);
  begin_inspections();
}

void Watcher::State::begin_inspections() {
  while (const std::optional<std::string> id = inspections_.begin(Clock::now())) {
    asio::co_spawn(loop_, inspect(shared_from_this(), *id), asio::detached);
  }
  due_.cancel();
}

asio::awaitable<void> Watcher::State::inspect(std::shared_ptr<State> self, std::string id) {
  Result<std::optional<Container>> result = co_await self->client_.find(id);
  if (!self->stopped_) self->inspected(id, std::move(result));
}

void Watcher::State::inspected(const std::string& id, Result<std::optional<Container>> result) {
  const bool again = inspections_.end(id);
  if (result) {
    const std::string fault = *result ? (*result)->image_fault : std::string();
    if (fault.empty()) {
      inspections_.succeeded(id);
    } else {
      inspections_.failed(id, fault, Clock::now());
    }
    update(id, std::move(*result));
  } else {
    // What is known still holds as far as anybody knows.
    log::repeated("docker inspect", result.error().message);
    inspections_.failed(id, result.error().message, Clock::now());
  }
  if (!again) {
    missing_.erase(id);
    if (result) outdated_.erase(id);
  }
  begin_inspections();
  if (missing_.empty() || gather_until_ == Instant::max()) {
    report();
  }
}

void Watcher::State::update(const std::string& id, std::optional<Container> container) {
  if (!container || !container->running) {
    view_.erase(id);
    listed_.erase(id);
    return;
  }
  const auto known = view_.find(id);
  const std::string told = known == view_.end() ? std::string() : known->second.cut;
  if (container->cut != told && !container->cut.empty()) {
    log::warning("{}: {}", container->name, container->cut);
  }
  view_.insert_or_assign(id, std::move(*container));
}

Instant Watcher::State::next_due() const {
  const Instant retries = connected_ ? inspections_.next_due(Clock::now()) : Instant::max();
  return std::min({next_list_, gather_until_, retries});
}

asio::awaitable<void> Watcher::State::tend(std::shared_ptr<State> self) {
  while (!self->stopped_) {
    self->due_.expires_at(self->next_due());
    co_await self->due_.async_wait(kNoThrow);
    if (!self->stopped_) self->do_due();
  }
}

void Watcher::State::do_due() {
  const Instant now = Clock::now();
  if (next_list_ <= now) begin_list();
  if (connected_) {
    inspections_.want_due(now);
    begin_inspections();
  }
  if (gather_until_ <= now) {
    gather_until_ = Instant::max();
    report();
  }
}

/// Of what the last list brought nobody is told before it was inspected, or had the time to be.
void Watcher::State::report() {
  if (!listed_once_) return;
  if (!missing_.empty() && gather_until_ != Instant::max()) return;
  gather_until_ = Instant::max();
  View now = view();
  if (reported_ == now) return;
  reported_ = now;
  swarm_->follow(view_);
  observer_.on_containers(now);
}

View Watcher::State::view() const {
  View view{.running = {},
            .uninspected = inspections_.failures(),
            .odd = odd_,
            .trouble = trouble_,
            .whole = trouble_.empty() && missing_.empty(),
            .shared_networks = swarm_->networks(),
            .outdated = outdated_};
  std::map<std::string_view, const Container*> known;
  for (const auto& [id, container] : view_) known.emplace(id, &container);
  for (const auto& [id, container] : listed_) known.emplace(id, &container);
  view.running.reserve(known.size());
  for (const auto& [id, container] : known) {
    view.running.push_back(*container);
    if (!container->inspected) distrust_labels(view.running.back(), "it hasn't been inspected yet");
  }
  return view;
}

Watcher::Watcher(asio::io_context& loop, std::string socket, Observer& observer, LabelKeys labels,
                 Pace pace)
    : state_(std::make_shared<State>(loop, std::move(socket), observer, std::move(labels), pace)) {}

Watcher::~Watcher() { state_->stop(); }

void Watcher::start() { state_->start(); }

bool Watcher::keep_labels(const LabelKeys& labels) { return state_->keep_labels(labels); }

}  // namespace nxgate::docker
