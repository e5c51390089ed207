#include "docker/watcher.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"
#include "base/log.h"
#include "docker/client.h"
#include "docker/container.h"

namespace nxgate::docker {

namespace asio = boost::asio;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kFirstWait{100};
constexpr std::chrono::milliseconds kLongestWait{5000};
/// An inspection waits while its container is starting, and must not hold up all others.
constexpr std::size_t kMostInspections = 8;

bool matters(const Event& event) {
  static const std::set<std::string_view> kContainerActions{
      "start", "restart", "die", "destroy", "rename", "pause", "unpause", "update", "stop", "kill"};
  static const std::set<std::string_view> kNetworkActions{"connect", "disconnect", "destroy"};
  if (event.type == "container") return kContainerActions.contains(event.action);
  return event.type == "network" && kNetworkActions.contains(event.action);
}

}  // namespace

/// Shared by the coroutines, which may outlive the Watcher until they notice.
class Watcher::State : public std::enable_shared_from_this<Watcher::State> {
 public:
  State(asio::io_context& loop, std::string socket, Observer& observer)
      : loop_(loop), client_(loop, std::move(socket)), observer_(observer), waiting_(loop) {}

  void start() { asio::co_spawn(loop_, run(shared_from_this()), asio::detached); }
  void stop();

 private:
  enum class Inspection : std::uint8_t { kQueued, kRunning, kRunningStale };

  static asio::awaitable<void> run(std::shared_ptr<State> self);
  static asio::awaitable<void> list(std::shared_ptr<State> self, unsigned session);
  static asio::awaitable<void> inspect(std::shared_ptr<State> self, std::string id);

  asio::awaitable<Error> follow();
  void subscribed(const EngineVersion& version);
  void seen(const Event& event);
  void lost(const Error& error);
  void listed(const Result<std::vector<Container>>& list);
  void refresh(const std::string& id);
  void begin_inspections();
  void inspected(const std::string& id, Result<std::optional<Container>> result);
  void update(const std::string& id, std::optional<Container> container);
  void report();

  asio::io_context& loop_;
  Client client_;
  Observer& observer_;
  asio::steady_timer waiting_;
  std::chrono::milliseconds wait_ = kFirstWait;
  bool stopped_ = false;
  bool told_lost_ = false;

  std::map<std::string, Container> view_;           ///< by id
  std::optional<std::vector<Container>> reported_;  ///< empty: the next view is news in any case
  unsigned session_ = 0;                            ///< counts connections
  bool listed_ = false;                             ///< in this session
  std::set<std::string> missing_;  ///< what the session's first view still waits for

  std::map<std::string, Inspection> inspections_;
  std::deque<std::string> queue_;
  std::size_t running_ = 0;
};

void Watcher::State::stop() {
  stopped_ = true;
  queue_.clear();
  client_.close();
  waiting_.cancel();
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
  co_return co_await client_.events(on_subscribed, on_event);
}

void Watcher::State::subscribed(const EngineVersion& version) {
  if (stopped_) return;
  wait_ = kFirstWait;
  told_lost_ = false;
  ++session_;
  asio::co_spawn(loop_, list(shared_from_this(), session_), asio::detached);
  observer_.on_engine(version);
}

void Watcher::State::seen(const Event& event) {
  if (stopped_ || !matters(event)) return;
  if (!event.container.empty()) return refresh(event.container);
  for (const auto& [id, container] : view_) refresh(id);  // a network was removed from under them
}

void Watcher::State::lost(const Error& error) {
  ++session_;
  listed_ = false;
  missing_.clear();
  reported_.reset();
  if (!std::exchange(told_lost_, true)) observer_.on_engine_lost(error);
}

asio::awaitable<void> Watcher::State::list(std::shared_ptr<State> self, unsigned session) {
  const Result<std::vector<Container>> list = co_await self->client_.list(false);
  if (!self->stopped_ && self->session_ == session) self->listed(list);
}

/// Inspects what is listed, and what was there before: it may be gone.
void Watcher::State::listed(const Result<std::vector<Container>>& list) {
  if (!list) {
    log::repeated("docker list", list.error().message);
    client_.close();  // and begin anew
    return;
  }
  for (const Container& container : *list) missing_.insert(container.id);
  for (const auto& [id, container] : view_) missing_.insert(id);
  listed_ = true;
  for (const std::string& id : missing_) refresh(id);
  report();
}

/// Sees to it that the container is inspected, by an inspection that begins now or later.
void Watcher::State::refresh(const std::string& id) {
  const auto [entry, added] = inspections_.try_emplace(id, Inspection::kQueued);
  if (added) {
    queue_.push_back(id);
    begin_inspections();
  } else if (entry->second == Inspection::kRunning) {
    entry->second = Inspection::kRunningStale;
  }
}

void Watcher::State::begin_inspections() {
  while (running_ < kMostInspections && !queue_.empty()) {
    const std::string id = std::move(queue_.front());
    queue_.pop_front();
    inspections_[id] = Inspection::kRunning;
    ++running_;
    asio::co_spawn(loop_, inspect(shared_from_this(), id), asio::detached);
  }
}

asio::awaitable<void> Watcher::State::inspect(std::shared_ptr<State> self, std::string id) {
  Result<std::optional<Container>> result = co_await self->client_.find(id);
  if (!self->stopped_) self->inspected(id, std::move(result));
}

void Watcher::State::inspected(const std::string& id, Result<std::optional<Container>> result) {
  --running_;
  const bool stale = inspections_[id] == Inspection::kRunningStale;
  inspections_.erase(id);
  if (result) {
    update(id, std::move(*result));
  } else {
    // What is known still holds as far as anybody knows; after a lost connection all is done anew.
    log::repeated("docker inspect", result.error().message);
  }
  if (stale) {
    refresh(id);
  } else {
    missing_.erase(id);
  }
  begin_inspections();
  report();
}

void Watcher::State::update(const std::string& id, std::optional<Container> container) {
  if (container && container->running) {
    view_.insert_or_assign(id, std::move(*container));
  } else {
    view_.erase(id);
  }
}

void Watcher::State::report() {
  if (!listed_ || !missing_.empty()) return;
  std::vector<Container> running;
  running.reserve(view_.size());
  for (const auto& [id, container] : view_) running.push_back(container);
  if (reported_ == running) return;
  reported_ = running;
  observer_.on_containers(running);
}

Watcher::Watcher(asio::io_context& loop, std::string socket, Observer& observer)
    : state_(std::make_shared<State>(loop, std::move(socket), observer)) {}

Watcher::~Watcher() { state_->stop(); }

void Watcher::start() { state_->start(); }

}  // namespace nxgate::docker
