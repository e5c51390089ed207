#include "relay/relay_thread.h"

#include <cstddef>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/address.h"
#include "base/client_key.h"
#include "base/log.h"
#include "base/snapshot.h"
#include "engine/connection_event.h"
#include "engine/observer.h"
#include "engine/snapshot.h"
#include "helper/confinement.h"
#include "relay/context.h"
#include "relay/session.h"
#include "sys/descriptor.h"

namespace nxgate::relay {

namespace asio = boost::asio;

RelayThread::RelayThread(const SnapshotCell<engine::Snapshot>& snapshots, Room& room,
                         engine::Observer& observer)
    : context_{loop_, snapshots, room, observer, passes_, sockets_},
      work_(asio::make_work_guard(loop_)) {}

void RelayThread::stop() {
  if (!thread_.joinable()) return;
  asio::post(loop_, [this] {
    for_each([](Session& session) { session.close(); });
    // After what that leads to.
    asio::post(loop_, [this] { loop_.stop(); });
  });
  thread_.join();
}

void RelayThread::run(helper::Confinement confinement) {
  // Has the loop make its epoll, which a confined thread can't.
  const asio::steady_timer first(loop_);
  std::latch confined{1};
  thread_ = std::jthread([this, confinement, &confined] {
    if (auto done = helper::confine_relay(confinement); !done) {
      log::warning("{}", done.error().message);
    }
    confined.count_down();
    loop_.run();
  });
  confined.wait();
}

void RelayThread::adopt(sys::Descriptor connection, std::shared_ptr<const Place> place,
                        ClientKey counted, const Endpoint& client, const Endpoint& to) {
  ++context_.open;
  asio::post(loop_, [this, connection = std::move(connection), place = std::move(place), counted,
                     client, to]() mutable {
    const auto session = std::make_shared<Session>(context_, std::move(place), counted, client, to);
    session->start(std::move(connection));
  });
}

void RelayThread::end(const std::shared_ptr<const Place>& place) {
  asio::post(loop_, [this, place] {
    for_each([&](Session& session) {
      if (&session.place() == place.get()) session.close();
    });
    sockets_.forget(place->netns);
  });
}

void RelayThread::review() {
  asio::post(loop_, [this] { for_each([](Session& session) { session.review(); }); });
}

void RelayThread::list(std::function<void(std::vector<engine::ConnectionEvent>)> take) {
  asio::post(loop_, [this, take = std::move(take)] {
    std::vector<engine::ConnectionEvent> open;
    for_each([&](Session& session) {
      if (auto seen = session.view()) open.push_back(*std::move(seen));
    });
    take(std::move(open));
  });
}

void RelayThread::for_each(const std::function<void(Session&)>& action) {
  for (Session* const each : context_.sessions) {
    const auto held = each->shared_from_this();
    action(*held);
  }
}

}  // namespace nxgate::relay
