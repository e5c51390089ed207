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
#include <vector>

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

/// Where a worker has so many, questions share those that are open already, since descriptors are
/// limited.
constexpr std::size_t kManyPorts = 1024;

std::uint16_t id_of(Bytes message) noexcept {
  return static_cast<std::uint16_t>(message[0] << 8 | message[1]);
}

}  // namespace

UdpPort::UdpPort(SocketResources& resources, std::shared_ptr<All> all)
    : resources_(resources), all_(std::move(all)), socket_(resources.loop), open_(resources.ports) {
  ++*open_;
  all_->push_back(*this);
}

UdpPort::~UdpPort() {
  unlink();
  --*open_;
}

std::expected<std::shared_ptr<UdpPort>, std::error_code> UdpPort::open(SocketResources& resources,
                                                                       sys::Descriptor socket,
                                                                       std::shared_ptr<All> all) {
  std::shared_ptr<UdpPort> port(new UdpPort(resources, std::move(all)));
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
    if (resources_.unsent.empty()) flush_soon(resources_);
    resources_.unsent.push_back(shared_from_this());
  }
  queries_.emplace(id, &query);
  unsent_.push_back(id);
  query.wait_at(shared_from_this(), id);
}

/// One turn's questions go to many ports, for which one message to the loop is enough.
void UdpPort::flush_soon(SocketResources& resources) {
  boost::asio::post(resources.loop, [&resources, alive = std::weak_ptr(resources.connections)] {
    if (alive.expired()) return;
    auto& ports = resources.unsent;
    for (std::size_t i = 0; i < ports.size(); ++i) {
      const std::shared_ptr<UdpPort> port = ports[i];  // more may come meanwhile
      port->flush();
    }
    ports.clear();
  });
}

void UdpPort::wait() {
  socket_.async_wait(Socket::wait_read, [weak = weak_from_this()](const error_code& error) {
    if (const auto port = weak.lock(); port && !error) port->read();
  });
}

void UdpPort::read() {
  const auto count = resources_.received.receive(socket_.native_handle());
  if (!count) return fail_server(count.error());
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
  if (++junk_ == kMostJunk) fail_all({ChannelFailure::Kind::kJunk}, now);
}

void UdpPort::flush() {
  std::erase_if(unsent_, [this](std::uint16_t id) { return queries_.find(id)->second == nullptr; });
  const int error = send_unsent();
  if (error == 0) return;
  if (!sys::is_local_lack(error)) return fail_server(error);
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
void UdpPort::fail_server(int error) {
  const Instant now = Clock::now();
  std::vector<std::shared_ptr<UdpPort>> ports;  // who fails may open more, and let go of these
  for (UdpPort& each : *all_) {
    if (auto port = each.weak_from_this().lock()) ports.push_back(std::move(port));
  }
  for (const auto& port : ports) port->fail_all({ChannelFailure::Kind::kNetwork, error}, now);
}

void UdpPort::fail_all(const ChannelFailure& failure, Instant now) {
  closed_ = true;
  for (const auto& [id, query] : queries_) {
    if (query != nullptr) query->fail(failure, now);
  }
}

void UdpChannel::submit(WaitingQuery& query, Instant now) {
  const auto port = choose(now);
  if (!port) return query.fail({ChannelFailure::Kind::kNetwork, port.error().value()}, now);
  (*port)->enter(query);
}

std::expected<std::shared_ptr<UdpPort>, std::error_code> UdpChannel::choose(Instant now) {
  let_go(now);
  const bool may_open =
      taking_.empty() || (taking_.size() < kPorts && *resources_.ports < kManyPorts);
  if (!may_open) {
    const auto drawn = taking_.begin() + draw(taking_.size());
    if (!drawn->port->full()) return drawn->port;
    taking_.erase(drawn);
  }
  auto opened = open();
  if (!opened) return opened;
  if (taking_.empty()) resources_.alarms.set(*this, now + kOpenFor);
  return taking_.emplace_back(*std::move(opened), now + kOpenFor).port;
}

/// Of the ports whose time is over; those with questions live on by these.
void UdpChannel::let_go(Instant now) {
  const auto first =
      std::ranges::find_if(taking_, [now](const Taking& each) { return now < each.until; });
  taking_.erase(taking_.begin(), first);
}

void UdpChannel::ring() {
  let_go(Clock::now());
  if (!taking_.empty()) resources_.alarms.set(*this, taking_.front().until);
}

std::ptrdiff_t UdpChannel::draw(std::size_t count) {
  std::array<std::uint8_t, 2> bytes;
  resources_.entropy.fill(bytes);
  return static_cast<std::ptrdiff_t>(id_of(bytes) % count);
}

std::expected<std::shared_ptr<UdpPort>, std::error_code> UdpChannel::open() {
  auto socket = sys::open_upstream_socket(sys::SocketKind::kUdp, server_, netns_);
  if (!socket) return std::unexpected(socket.error());
  return UdpPort::open(resources_, *std::move(socket), all_);
}

}  // namespace nxgate::forward
