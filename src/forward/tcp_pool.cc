#include "forward/tcp_pool.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <memory>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/clock.h"
#include "forward/channel.h"
#include "forward/socket_resources.h"
#include "forward/tcp_connection.h"
#include "sys/socket.h"

namespace nxgate::forward {

using Kind = ChannelFailure::Kind;

TcpPool::~TcpPool() {
  for (const auto& connection : connections_) connection->close();
}

void TcpPool::submit(WaitingQuery& query, Instant now) {
  query.retried = false;
  retire_other_namespaces(now);
  if (!queue_.empty() || !place(query, now)) queue_.push_back(query);
}

void TcpPool::answered(TcpConnection& connection) {
  if (connection.answers() > depth_) {
    depth_ = std::min(2 * depth_, TcpConnection::kMostQueries);
  }
  refill_soon();
}

/// Whoever is failed here may be the last to hold the group, and so this pool: that comes last.
void TcpPool::ended(TcpConnection& connection, const ChannelFailure& failure, Instant now) {
  std::erase_if(connections_,
                [&connection](const auto& each) { return each.get() == &connection; });
  const bool reused = failure.kind == Kind::kClosed && connection.answers() > 0;
  if (reused && connection.waiting() > 0) depth_ = std::min(depth_, connection.answers());
  QueryList failed;
  while (WaitingQuery* const query = connection.take()) {
    const bool again = reused && !std::exchange(query->retried, true);
    (again ? queue_ : failed).push_front(*query);
  }
  refill_soon();
  while (!failed.empty()) {
    WaitingQuery& query = failed.front();
    failed.pop_front();
    query.fail(failure, now);
  }
}

/// A path may lead to another namespace by now, and what was opened in the old one must not be
/// used.
void TcpPool::retire_other_namespaces(Instant now) {
  if (netns_.own() || now < next_look_) return;
  next_look_ = now + kBetweenLooks;
  const auto identity = netns_.identity();
  if (identity == std::exchange(namespace_, identity)) return;
  const auto old = connections_;
  for (const auto& connection : old) connection->retire(now);
}

/// Sends the query by a connection, or fails it; false if it must wait for room.
bool TcpPool::place(WaitingQuery& query, Instant now) {
  TcpConnection* best = least_busy(query.retried, now);
  std::error_code error;
  if (best == nullptr || best->stalled(now) || best->waiting() >= kBusy) {
    if (query.retried) close_an_idle_one(now);
    if (connections_.size() < kMostConnections) {
      const auto opened = open(now);
      if (opened) {
        best = *opened;
      } else {
        error = opened.error();
      }
    }
  }
  if (best == nullptr) best = least_busy(false, now);
  if (best == nullptr && !error) return false;
  if (best == nullptr) {
    query.fail({Kind::kNetwork, error.value()}, now);
  } else {
    best->enter(query, now);
  }
  return true;
}

/// Of those that have room, one that isn't stalled if there is any; `fresh`: that has had no
/// answer.
TcpConnection* TcpPool::least_busy(bool fresh, Instant now) const {
  TcpConnection* best = nullptr;
  const auto rank = [now](const TcpConnection& connection) {
    return std::pair(connection.stalled(now), connection.waiting());
  };
  for (const auto& connection : connections_) {
    if (!connection->has_room() || connection->waiting() >= depth_) continue;
    if (fresh && connection->answers() > 0) continue;
    if (best == nullptr || rank(*connection) < rank(*best)) best = connection.get();
  }
  return best;
}

std::expected<TcpConnection*, std::error_code> TcpPool::open(Instant now) {
  if (*resources_.connections >= kMostOfWorker) {
    return std::unexpected(make_error_code(std::errc::too_many_files_open));
  }
  auto socket = sys::open_upstream_socket(sys::SocketKind::kTcp, server_, netns_);
  if (!socket) return std::unexpected(socket.error());
  TcpConnection::Owner& owner = *this;
  auto connection = TcpConnection::open(resources_, owner, *std::move(socket), now);
  if (!connection) return std::unexpected(connection.error());
  return connections_.emplace_back(*std::move(connection)).get();
}

/// If there are as many as there may be, so that one can be opened.
void TcpPool::close_an_idle_one(Instant now) {
  if (connections_.size() < kMostConnections) return;
  const auto idle = std::ranges::find(connections_, std::size_t{0}, &TcpConnection::waiting);
  if (idle != connections_.end()) std::shared_ptr(*idle)->retire(now);
}

void TcpPool::refill_soon() {
  if (queue_.empty() || std::exchange(refilling_, true)) return;
  boost::asio::post(resources_.loop, [weak = weak_from_this()] {
    if (const auto pool = weak.lock()) pool->refill();
  });
}

void TcpPool::refill() {
  refilling_ = false;
  const Instant now = Clock::now();
  while (!queue_.empty()) {
    WaitingQuery& query = queue_.front();
    queue_.pop_front();
    if (!place(query, now)) return queue_.push_front(query);
  }
}

}  // namespace nxgate::forward
