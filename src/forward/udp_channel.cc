#include "forward/udp_channel.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <system_error>
#include <tuple>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "forward/channel.h"
#include "forward/socket_resources.h"
#include "sys/datagrams.h"
#include "sys/descriptor.h"
#include "sys/socket.h"

namespace nxgate::forward {

using boost::system::error_code;
using Socket = boost::asio::posix::stream_descriptor;

namespace {

std::uint16_t id_of(Bytes message) noexcept {
  return static_cast<std::uint16_t>(message[0] << 8 | message[1]);
}

}  // namespace

UdpPort::UdpPort(SocketResources& resources) : resources_(resources), socket_(resources.loop) {
  queries_.reserve(kMostQueries);
}

std::expected<std::shared_ptr<UdpPort>, std::error_code> UdpPort::open(SocketResources& resources,
                                                                       sys::Descriptor socket) {
  std::shared_ptr<UdpPort> port(new UdpPort(resources));
  error_code error;
  port->socket_.assign(socket.get(), error);
  if (error) return std::unexpected(error);
  std::ignore = socket.release();
  return port;
}

std::uint16_t UdpPort::draw_id() {
  std::array<std::uint8_t, 2> bytes;
  while (true) {
    resources_.entropy.fill(bytes);
    const std::uint16_t id = id_of(bytes);
    if (!queries_.contains(id)) return id;
  }
}

void UdpPort::enter(WaitingQuery& query) {
  const std::uint16_t id = draw_id();
  query.compose(id, true);
  if (queries_.empty()) wait();
  if (unsent_.empty()) {
    boost::asio::post(resources_.loop, [weak = weak_from_this()] {
      if (const auto port = weak.lock()) port->flush();
    });
  }
  queries_.emplace(id, &query);
  unsent_.push_back(id);
  query.wait_at(shared_from_this(), id);
}

void UdpPort::wait() {
  socket_.async_wait(Socket::wait_read, [weak = weak_from_this()](const error_code& error) {
    if (const auto port = weak.lock(); port && !error) port->read();
  });
}

void UdpPort::read() {
  const auto count = resources_.received.receive(socket_.native_handle());
  if (!count) return fail_all({ChannelFailure::Kind::kNetwork, count.error()});
  const Instant now = Clock::now();
  for (std::size_t i = 0; i < *count; ++i) deliver(resources_.received.message(i), now);
  if (!closed_) wait();
}

/// A message with an id that was never used may still be an attempt to guess somebody's.
void UdpPort::deliver(Bytes message, Instant now) {
  const auto known = message.size() < 2 ? queries_.end() : queries_.find(id_of(message));
  if (known != queries_.end()) {
    if (known->second == nullptr || known->second->receive(message, true, now)) return;
  } else {
    for (const auto& [other, query] : queries_) {
      if (query != nullptr) query->receive(message, false, now);
    }
  }
  if (++junk_ == kMostJunk) fail_all({ChannelFailure::Kind::kJunk});
}

void UdpPort::flush() {
  std::erase_if(unsent_, [this](std::uint16_t id) { return queries_.find(id)->second == nullptr; });
  const int error = send_unsent();
  if (error == 0) return;
  if (!sys::is_local_lack(error)) return fail_all({ChannelFailure::Kind::kNetwork, error});
  fail_unsent(error);
}

/// Returns the errno at which it stopped; what is not sent is still in `unsent_` then.
int UdpPort::send_unsent() {
  std::array<Bytes, sys::Datagrams::kMessages> queries;
  std::size_t done = 0;
  int error = 0;
  while (done < unsent_.size() && error == 0) {
    const std::size_t count = std::min(unsent_.size() - done, queries.size());
    for (std::size_t i = 0; i < count; ++i) {
      queries[i] = queries_.find(unsent_[done + i])->second->bytes();
    }
    const auto sent = sys::send_datagrams(socket_.native_handle(), std::span(queries).first(count));
    if (sent)
      done += *sent;
    else
      error = sent.error();
  }
  unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(done));
  return error;
}

/// The others of this port may still have their answers.
void UdpPort::fail_unsent(int error) {
  const Instant now = Clock::now();
  for (const std::uint16_t id : std::exchange(unsent_, {})) {
    if (WaitingQuery* const query = queries_.find(id)->second) {
      query->fail({ChannelFailure::Kind::kNetwork, error}, now);
    }
  }
}

/// What failed them all is one failure, at one instant.
void UdpPort::fail_all(const ChannelFailure& failure) {
  closed_ = true;
  const Instant now = Clock::now();
  for (const auto& [id, query] : queries_) {
    if (query != nullptr) query->fail(failure, now);
  }
}

void UdpChannel::submit(WaitingQuery& query, Instant now) {
  if (!port_ || port_->full()) {
    auto opened = open();
    if (!opened) {
      return query.fail({ChannelFailure::Kind::kNetwork, opened.error().value()}, now);
    }
    port_ = *std::move(opened);
    resources_.alarms.set(*this, Clock::now() + kOpenFor);
  }
  port_->enter(query);
}

std::expected<std::shared_ptr<UdpPort>, std::error_code> UdpChannel::open() {
  auto socket = sys::open_upstream_socket(sys::SocketKind::kUdp, server_, netns_);
  if (!socket) return std::unexpected(socket.error());
  return UdpPort::open(resources_, *std::move(socket));
}

}  // namespace nxgate::forward
