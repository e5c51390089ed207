#include "forward/tcp_connection.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <system_error>
#include <tuple>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "forward/alarm.h"
#include "forward/channel.h"
#include "forward/socket_resources.h"
#include "forward/tcp_messages.h"
#include "sys/descriptor.h"

namespace nxgate::forward {

using boost::system::error_code;
using Socket = boost::asio::posix::stream_descriptor;
using Kind = ChannelFailure::Kind;

namespace {

std::uint16_t u16_of(Bytes bytes) noexcept {
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

/// Of a connection that was there.
ChannelFailure failure_of(int error) noexcept {
  if (error == 0 || error == ECONNRESET || error == EPIPE) return {Kind::kClosed};
  return {Kind::kNetwork, error};
}

}  // namespace

TcpConnection::TcpConnection(SocketResources& resources, Owner& owner, Instant now)
    : resources_(resources),
      count_(resources.connections),
      owner_(owner),
      socket_(resources.loop),
      quiet_since_(now) {
  ++*resources.connections;
}

TcpConnection::~TcpConnection() {
  if (const auto count = count_.lock()) --*count;
}

std::expected<std::shared_ptr<TcpConnection>, std::error_code> TcpConnection::open(
    SocketResources& resources, Owner& owner, sys::Descriptor socket, Instant now) {
  std::shared_ptr<TcpConnection> connection(new TcpConnection(resources, owner, now));
  error_code error;
  connection->socket_.assign(socket.get(), error);
  if (error) return std::unexpected(error);
  std::ignore = socket.release();
  resources.alarms.set(*connection, now + kLongestConnect);
  connection->socket_.async_wait(Socket::wait_write,
                                 [weak = connection->weak_from_this()](const error_code& failed) {
                                   if (const auto self = weak.lock(); self && !failed)
                                     self->connected();
                                 });
  return connection;
}

void TcpConnection::enter(WaitingQuery& query, Instant now) {
  if (waiting_++ == 0) {
    quiet_since_ = now;
    if (connected_) Alarms::call_off(*this);
  }
  const std::uint16_t id = draw_id();
  queries_.emplace(id, &query);
  query.wait_at(shared_from_this(), id);
  query.compose(id, false);
  const Bytes bytes = query.bytes();
  unsent_.push_back(static_cast<std::uint8_t>(bytes.size() >> 8));
  unsent_.push_back(static_cast<std::uint8_t>(bytes.size()));
  unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
  if (connected_) flush_soon();
}

void TcpConnection::leave(std::uint16_t id) noexcept {
  const auto known = queries_.find(id);
  if (known == queries_.end() || known->second == nullptr) return;
  known->second = nullptr;
  const Instant now = Clock::now();
  const bool useless = stalled(now);
  if (--waiting_ != 0 || ended_ || count_.expired()) return;
  if (useless) return end({Kind::kClosed}, now);
  if (connected_) return rest(now);
  queries_.clear();  // of which nothing was sent
  unsent_.clear();
}

void TcpConnection::retire(Instant now) {
  retired_ = true;
  if (waiting_ == 0) end({Kind::kClosed}, now);
}

void TcpConnection::close() noexcept {
  ended_ = true;
  Alarms::call_off(*this);
  error_code ignored;
  socket_.close(ignored);
}

WaitingQuery* TcpConnection::take() noexcept {
  while (!queries_.empty()) {
    const auto first = queries_.begin();
    WaitingQuery* const query = first->second;
    queries_.erase(first);
    if (query == nullptr) continue;
    --waiting_;
    query->release();
    return query;
  }
  return nullptr;
}

bool TcpConnection::has_room() const noexcept {
  return !ended_ && !retired_ && queries_.size() < kMostQueries && unsent_.size() < kMostUnsent;
}

bool TcpConnection::stalled(Instant now) const noexcept {
  return waiting_ > 0 && now - quiet_since_ > kStalledAfter;
}

void TcpConnection::ring() {
  end(connected_ ? ChannelFailure{Kind::kClosed} : ChannelFailure{Kind::kNetwork, ETIMEDOUT},
      Clock::now());
}

void TcpConnection::connected() {
  int failure = 0;
  socklen_t length = sizeof failure;
  ::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &failure, &length);
  const Instant now = Clock::now();
  if (failure != 0) return end({Kind::kNetwork, failure}, now);
  connected_ = true;
  quiet_since_ = now;
  Alarms::call_off(*this);
  wait_readable();
  if (waiting_ == 0) return rest(now);
  flush();
}

void TcpConnection::wait_readable() {
  socket_.async_wait(Socket::wait_read, [weak = weak_from_this()](const error_code& error) {
    if (const auto self = weak.lock(); self && !error) self->read();
  });
}

void TcpConnection::read() {
  auto& buffer = resources_.received_stream;
  const auto size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return wait_readable();
  const int error = size == 0 ? 0 : errno;
  const Instant now = Clock::now();
  if (size <= 0) return end(failure_of(error), now);
  quiet_since_ = now;
  const auto message_came = [this, now](Bytes message) { return deliver(message, now); };
  if (!messages_.feed(Bytes(buffer).first(static_cast<std::size_t>(size)), message_came)) {
    return end({Kind::kJunk}, now);
  }
  if (ended_) return;
  wait_readable();
  owner_.answered(*this);
  if (waiting_ == 0) rest(now);
}

/// An answer to a query that was cancelled counts for nothing; one that is nobody's is junk.
bool TcpConnection::deliver(Bytes message, Instant now) {
  const std::uint16_t id = u16_of(message);
  const auto known = queries_.find(id);
  if (known == queries_.end()) return false;
  WaitingQuery* const query = known->second;
  queries_.erase(known);
  ++answers_;
  if (query == nullptr) return true;
  --waiting_;
  query->release();
  if (query->receive(message, true, now)) return true;
  ++waiting_;
  queries_.emplace(id, query);
  query->wait_at(shared_from_this(), id);
  return false;
}

void TcpConnection::flush_soon() {
  if (std::exchange(flushing_, true)) return;
  boost::asio::post(resources_.loop, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->flush();
  });
}

/// A connection that can't be written to may still have answers to be read, and its end after them.
void TcpConnection::flush() {
  flushing_ = false;
  if (ended_ || unsent_.empty()) return;
  const auto sent = ::send(socket_.native_handle(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    retired_ = true;
    unsent_.clear();
    return;
  }
  if (sent > 0) unsent_.erase(unsent_.begin(), unsent_.begin() + sent);
  if (unsent_.empty()) return;
  flushing_ = true;
  socket_.async_wait(Socket::wait_write, [weak = weak_from_this()](const error_code& error) {
    if (const auto self = weak.lock(); self && !error) self->flush();
  });
}

std::uint16_t TcpConnection::draw_id() {
  std::array<std::uint8_t, 2> bytes;
  while (true) {
    resources_.entropy.fill(bytes);
    const std::uint16_t id = u16_of(bytes);
    if (!queries_.contains(id)) return id;
  }
}

/// No query waits. It is kept, if it is still of use.
void TcpConnection::rest(Instant now) {
  if (!has_room() || *resources_.connections > kMostIdle) return end({Kind::kClosed}, now);
  resources_.alarms.set(*this, now + kKeptIdle);
}

void TcpConnection::end(const ChannelFailure& failure, Instant now) {
  if (ended_) return;
  const auto keep = shared_from_this();
  close();
  owner_.ended(*this, failure, now);
}

}  // namespace nxgate::forward
