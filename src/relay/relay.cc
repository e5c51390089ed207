#include "relay/relay.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "engine/connection_event.h"
#include "engine/observer.h"
#include "engine/snapshot.h"
#include "helper/confinement.h"
#include "relay/accepting.h"
#include "relay/context.h"
#include "relay/relay_thread.h"
#include "relay/side.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/onward_socket.h"
#include "sys/socket.h"
#include "telemetry/connection_counters.h"

namespace nxgate::relay {

struct Relay::Threads {
  Threads(const SnapshotCell<engine::Snapshot>& snapshots,
          std::span<engine::Observer* const> observers, std::size_t most)
      : room(most) {
    for (engine::Observer* const each : observers) {
      all.push_back(std::make_unique<RelayThread>(snapshots, room, *each));
    }
  }

  /// For a listener. Main thread.
  [[nodiscard]] RelayThread& in_turn() { return *all[turn++ % all.size()]; }

  /// For a connection: that which has fewest, but rather this one, since waking another takes time.
  [[nodiscard]] RelayThread& idlest(RelayThread& preferred) {
    RelayThread& least =
        **std::ranges::min_element(all, {}, [](const auto& each) { return each->open(); });
    return preferred.open() <= least.open() ? preferred : least;
  }

  Room room;
  std::vector<std::unique_ptr<RelayThread>> all;
  std::size_t turn = 0;
};

/// The listening sockets of a place, by IPv4 and IPv6.
class Relay::Served final : public Listener {
 public:
  Served(std::shared_ptr<Threads> threads, std::shared_ptr<const Place> place, sys::Descriptor v4,
         sys::Descriptor v6)
      : threads_(std::move(threads)), place_(std::move(place)) {
    port4_ = listen(std::move(v4));
    port6_ = listen(std::move(v6));
  }
  ~Served() override {
    for (const auto& each : accepting_) each->close();
    for (const auto& thread : threads_->all) thread->end(place_);
  }

  [[nodiscard]] std::uint16_t port4() const override { return port4_; }
  [[nodiscard]] std::uint16_t port6() const override { return port6_; }

 private:
  std::uint16_t listen(sys::Descriptor socket) {
    if (!socket) return 0;
    end_when_silent(socket);
    const std::uint16_t port = sys::local_port(socket);
    RelayThread& own = threads_->in_turn();
    const auto give = [threads = threads_.get(), &own, place = place_](
                          sys::Descriptor connection, ClientKey counted, const Endpoint& client,
                          const Endpoint& to) {
      threads->idlest(own).adopt(std::move(connection), place, counted, client, to);
    };
    accepting_.push_back(
        std::make_shared<Accepting>(own.loop(), std::move(socket), place_, threads_->room, give));
    accepting_.back()->start();
    return port;
  }

  std::shared_ptr<Threads> threads_;
  std::shared_ptr<const Place> place_;
  std::vector<std::shared_ptr<Accepting>> accepting_;
  std::uint16_t port4_ = 0;
  std::uint16_t port6_ = 0;
};

Relay::Relay(const SnapshotCell<engine::Snapshot>& snapshots,
             std::span<engine::Observer* const> observers, std::size_t most)
    : threads_(std::make_shared<Threads>(snapshots, observers, most)) {}

Relay::~Relay() {
  for (const auto& thread : threads_->all) thread->stop();
}

Result<void> Relay::run(helper::Confinement confinement) {
  try {
    for (const auto& thread : threads_->all) thread->run(confinement);
  } catch (const std::system_error& error) {
    return fail(
        fmt::format("cannot start a worker thread: {}; the user may have reached its limit of "
                    "threads, see `ulimit -u`",
                    error.what()));
  }
  return {};
}

Result<std::unique_ptr<Relay::Listener>> Relay::open(const sys::NetnsRef& netns,
                                                     const std::string& policy) {
  auto place = std::make_shared<Place>(Place{netns, policy});
  if (!netns.own()) place->client = client_behind(policy);
  const auto listen = [&](const IpAddress& any) {
    return sys::open_listener(sys::SocketKind::kTcp, {.endpoint = {any, 0}, .netns = netns},
                              sys::Sharing::kNobody);
  };
  auto v4 = listen(IpAddress());
  if (!v4) return std::unexpected(v4.error());
  auto v6 = listen(IpAddress::v6({}));
  // Without IPv6 in this kernel there is nothing to check.
  if (!v6 && sys::open_sockets(sys::SocketKind::kTcp, sys::Family::kIpv6, 1, {})) {
    return std::unexpected(v6.error());
  }
  return std::make_unique<Served>(threads_, std::move(place), *std::move(v4),
                                  v6 ? *std::move(v6) : sys::Descriptor());
}

void Relay::refresh() {
  for (const auto& thread : threads_->all) thread->review();
}

void Relay::list(std::function<void(std::vector<engine::ConnectionEvent>)> take) {
  struct Gathered {
    std::mutex mutex;
    std::size_t missing;
    std::vector<engine::ConnectionEvent> all;
  };
  const auto gathered = std::make_shared<Gathered>();
  gathered->missing = threads_->all.size();
  for (const auto& thread : threads_->all) {
    thread->list([gathered, take](std::vector<engine::ConnectionEvent> open) {
      const std::scoped_lock lock(gathered->mutex);
      std::ranges::move(open, std::back_inserter(gathered->all));
      if (--gathered->missing == 0) take(std::move(gathered->all));
    });
  }
}

std::size_t Relay::open_connections() const noexcept { return threads_->room.connections.taken(); }

std::uint64_t Relay::turned_away() const noexcept { return threads_->room.connections.refusals(); }

std::uint64_t Relay::results(std::uint8_t policy,
                             telemetry::ConnectionResult result) const noexcept {
  std::uint64_t sum = 0;
  for (const auto& each : threads_->all) sum += each->counters().results(policy, result);
  return sum;
}

std::uint64_t Relay::octets(telemetry::Direction direction) const noexcept {
  std::uint64_t sum = 0;
  for (const auto& each : threads_->all) sum += each->counters().octets(direction);
  return sum;
}

}  // namespace nxgate::relay
