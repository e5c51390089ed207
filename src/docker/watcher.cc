#include "docker/watcher.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "docker/client.h"
#include "docker/container.h"

namespace nxgate::docker {

namespace asio = boost::asio;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr Milliseconds kFirstWait{100};
constexpr Milliseconds kLongestWait{5000};

/// The events after which a container or its networks are other than before.
constexpr auto kTelling =
    std::to_array<std::string_view>({"start", "restart", "die", "stop", "kill", "destroy", "rename",
                                     "pause", "unpause", "update", "connect", "disconnect"});

}  // namespace

/// Lives as long as a coroutine of it; what the owner has let go does nothing more.
class Watcher::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::io_context& loop, std::string socket, Observer& observer)
      : loop_(loop), client_(loop, std::move(socket)), observer_(&observer), pause_(loop) {}

  void start() {
    asio::co_spawn(loop_, run(shared_from_this()),
                   asio::bind_cancellation_slot(running_.slot(), asio::detached));
  }

  void stop() {
    observer_ = nullptr;
    pause_.cancel();
    running_.emit(asio::cancellation_type::terminal);
  }

 private:
  /// What is to be done about one container.
  struct Inspection {
    bool again = false;  ///< something happened since it was asked for
  };

  static asio::awaitable<void> run(std::shared_ptr<State> self);
  static asio::awaitable<void> list(std::shared_ptr<State> self);
  static asio::awaitable<void> inspect(std::shared_ptr<State> self, std::string id);

  void subscribed();
  void seen(const Event& event);
  void look_at(const std::string& id);
  void report();
  void report_when_complete();

  asio::io_context& loop_;
  Client client_;
  Observer* observer_;
  asio::steady_timer pause_;
  asio::cancellation_signal running_;
  std::map<std::string, Container> view_;
  std::map<std::string, Inspection> inspections_;
  std::vector<Container> reported_;
  EngineVersion version_;
  bool complete_ = false;  ///< whether all that was listed has been inspected
  bool listing_ = false;
  Milliseconds wait_ = kFirstWait;
};

asio::awaitable<void> Watcher::State::run(std::shared_ptr<State> self) {
  while (self->observer_ != nullptr) {
    const auto version = co_await self->client_.version();
    Error ended;
    if (version) {
      self->version_ = *version;
      const std::function<void()> subscribed = [state = self.get()] { state->subscribed(); };
      const std::function<void(const Event&)> seen = [state = self.get()](const Event& event) {
        state->seen(event);
      };
      ended = co_await self->client_.events(subscribed, seen);
    } else {
      ended = version.error();
    }
    if (self->observer_ == nullptr) co_return;
    self->complete_ = false;
    self->observer_->on_engine_lost(ended);
    self->pause_.expires_after(self->wait_);
    self->wait_ = std::min(self->wait_ * 2, kLongestWait);
    co_await self->pause_.async_wait(kNoThrow);
  }
}

void Watcher::State::subscribed() {
  if (observer_ == nullptr) return;
  wait_ = kFirstWait;
  listing_ = true;
  observer_->on_engine(version_);
  asio::co_spawn(loop_, list(shared_from_this()), asio::detached);
}

/// Nothing that happens from now on is missed: events are seen already.
asio::awaitable<void> Watcher::State::list(std::shared_ptr<State> self) {
  const auto listed = co_await self->client_.list(false);
  self->listing_ = false;
  if (!listed || self->observer_ == nullptr) co_return;  // the events' connection has ended as well
  std::erase_if(self->view_, [&](const auto& entry) {
    return std::ranges::find(*listed, entry.first, &Container::id) == listed->end();
  });
  for (const Container& container : *listed) self->look_at(container.id);
  self->report_when_complete();
}

void Watcher::State::seen(const Event& event) {
  if (observer_ == nullptr || event.container.empty()) return;
  if (std::ranges::find(kTelling, event.action) != kTelling.end()) look_at(event.container);
}

/// However many events there are about a container, one inspection runs and one more follows.
void Watcher::State::look_at(const std::string& id) {
  const auto [inspection, first] = inspections_.try_emplace(id);
  inspection->second.again = !first;
  if (first) asio::co_spawn(loop_, inspect(shared_from_this(), id), asio::detached);
}

asio::awaitable<void> Watcher::State::inspect(std::shared_ptr<State> self, std::string id) {
  bool again = true;
  while (again && self->observer_ != nullptr) {
    self->inspections_[id].again = false;
    const auto container = co_await self->client_.inspect(id);
    if (container && container->running) {
      self->view_[id] = *container;
    } else {
      self->view_.erase(id);
    }
    again = self->inspections_[id].again;
    if (again) self->report_when_complete();
  }
  self->inspections_.erase(id);
  self->report_when_complete();
}

/// The first view of an engine is told once it is whole, every change of it at once.
void Watcher::State::report_when_complete() {
  if (observer_ == nullptr || listing_) return;
  if (complete_) return report();
  if (!inspections_.empty()) return;
  complete_ = true;
  reported_.clear();
  reported_.push_back({});  // no view is equal to this, so it is told even if it is empty
  report();
}

void Watcher::State::report() {
  std::vector<Container> running;
  running.reserve(view_.size());
  for (const auto& [id, container] : view_) running.push_back(container);
  if (running == reported_) return;
  reported_ = std::move(running);
  observer_->on_containers(reported_);
}

Watcher::Watcher(asio::io_context& loop, std::string socket, Observer& observer)
    : state_(std::make_shared<State>(loop, std::move(socket), observer)) {}

Watcher::~Watcher() { state_->stop(); }

void Watcher::start() { state_->start(); }

}  // namespace nxgate::docker
