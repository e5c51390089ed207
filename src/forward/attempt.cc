#include "forward/attempt.h"

#include <sodium.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/snapshot.h"
#include "sys/socket.h"
#include "wire/answer.h"
#include "wire/types.h"
#include "wire/upstream_query.h"

namespace nxgate::forward {
namespace {

namespace asio = boost::asio;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

/// After this much junk on one socket somebody is at work there; TCP settles it.
constexpr int kMostJunk = 64;

/// The bytes of one query of our own, random in all that a forger would have to guess.
struct SentQuery {
  std::array<std::uint8_t, wire::kLargestUpstreamQuery> bytes{};
  std::size_t size = 0;

  explicit SentQuery(const AttemptSpec& spec) {
    wire::UpstreamQuery query{.question = spec.question,
                              .dnssec_ok = spec.dnssec_ok,
                              .checking_disabled = spec.checking_disabled};
    randombytes_buf(&query.id, sizeof query.id);
    randombytes_buf(query.case_bits.data(), query.case_bits.size());
    size = wire::write_upstream_query(query, bytes);
  }
  [[nodiscard]] Bytes view() const noexcept { return Bytes(bytes).first(size); }
};

/// Closes the socket at the deadline, which ends every operation on it. The timer's handler may be
/// queued already when the attempt is over, so it holds the socket weakly.
template <class Socket>
void close_at(asio::steady_timer& timer, Instant deadline, const std::shared_ptr<Socket>& socket) {
  timer.expires_at(deadline);
  timer.async_wait([weak = std::weak_ptr(socket)](const boost::system::error_code& error) {
    const auto alive = weak.lock();
    boost::system::error_code ignored;
    if (!error && alive) alive->close(ignored);
  });
}

Attempted from_network(const boost::system::error_code& error) {
  const bool ended_by_deadline =
      error == asio::error::operation_aborted || error == asio::error::bad_descriptor;
  return ended_by_deadline ? Attempted::kSilent : Attempted::kUnreachable;
}

/// What a scrubbed message means for the attempt; none if it is to be ignored or asked over TCP.
std::optional<Attempted> settled(const std::expected<void, wire::AnswerFault>& scrubbed) {
  if (scrubbed) return Attempted::kAnswered;
  switch (scrubbed.error()) {
    case wire::AnswerFault::kMalformed:
      return Attempted::kMalformed;
    case wire::AnswerFault::kRcode:
      return Attempted::kRefused;
    case wire::AnswerFault::kNotOurs:
    case wire::AnswerFault::kWrongId:
    case wire::AnswerFault::kTruncated:
      break;
  }
  return std::nullopt;
}

template <class Socket>
auto protocol_of(const engine::UpstreamServer& server) {
  using Protocol = typename Socket::protocol_type;
  return server.endpoint.address.is_v4() ? Protocol::v4() : Protocol::v6();
}

/// Opens a socket to the server within its namespace; empty if the network refuses.
template <class Socket>
std::shared_ptr<Socket> open(asio::any_io_executor executor, const AttemptSpec& spec,
                             sys::SocketKind kind) {
  auto opened = sys::open_upstream_socket(kind, spec.server.endpoint, spec.netns);
  if (!opened) return nullptr;
  auto socket = std::make_shared<Socket>(std::move(executor));
  boost::system::error_code error;
  socket->assign(protocol_of<Socket>(spec.server), opened->get(), error);
  if (error) return nullptr;
  (void)opened->release();
  return socket;
}

asio::awaitable<Attempted> over_tcp(const AttemptSpec& spec, wire::ScrubbedAnswer& scratch) {
  const auto executor = co_await asio::this_coro::executor;
  const auto socket = open<asio::ip::tcp::socket>(executor, spec, sys::SocketKind::kTcp);
  if (!socket) co_return Attempted::kUnreachable;
  asio::steady_timer timer(executor);
  close_at(timer, spec.deadline, socket);

  const SentQuery sent(spec);
  std::vector<std::uint8_t> message(2 + sent.size);
  message[0] = static_cast<std::uint8_t>(sent.size >> 8);
  message[1] = static_cast<std::uint8_t>(sent.size);
  std::copy_n(sent.bytes.begin(), sent.size, message.begin() + 2);

  auto [connecting] = co_await socket->async_wait(asio::socket_base::wait_write, kTuple);
  if (connecting) co_return from_network(connecting);
  auto [write_error, written] = co_await asio::async_write(*socket, asio::buffer(message), kTuple);
  if (write_error) co_return from_network(write_error);
  std::array<std::uint8_t, 2> length{};
  auto [length_error, two] = co_await asio::async_read(*socket, asio::buffer(length), kTuple);
  if (length_error) co_return from_network(length_error);
  message.resize(static_cast<std::size_t>(length[0]) << 8 | length[1]);
  auto [read_error, size] = co_await asio::async_read(*socket, asio::buffer(message), kTuple);
  if (read_error) co_return from_network(read_error);
  co_return settled(wire::scrub_answer(message, sent.view(), scratch))
      .value_or(Attempted::kMalformed);
}

asio::awaitable<Attempted> over_udp(const AttemptSpec& spec, wire::ScrubbedAnswer& scratch) {
  const auto executor = co_await asio::this_coro::executor;
  const auto socket = open<asio::ip::udp::socket>(executor, spec, sys::SocketKind::kUdp);
  if (!socket) co_return Attempted::kUnreachable;
  asio::steady_timer timer(executor);
  close_at(timer, spec.deadline, socket);

  const SentQuery sent(spec);
  boost::system::error_code send_error;
  socket->send(asio::buffer(sent.bytes, sent.size), 0, send_error);
  if (send_error) co_return Attempted::kUnreachable;

  std::array<std::uint8_t, 4096> message;
  for (int junk = 0; junk < kMostJunk; ++junk) {
    auto [error, size] = co_await socket->async_receive(asio::buffer(message), kTuple);
    if (error) co_return from_network(error);
    const auto scrubbed = wire::scrub_answer(Bytes(message).first(size), sent.view(), scratch);
    if (const auto end = settled(scrubbed)) co_return *end;
    if (scrubbed.error() != wire::AnswerFault::kNotOurs) break;
  }
  timer.cancel();
  socket->close(send_error);
  co_return co_await over_tcp(spec, scratch);
}

std::string_view to_string(Attempted end) {
  switch (end) {
    case Attempted::kSilent:
      return "no answer";
    case Attempted::kAnswered:
      return "answered";
    case Attempted::kUnreachable:
      return "unreachable";
    case Attempted::kRefused:
      return "failed";
    case Attempted::kMalformed:
      return "malformed answer";
  }
  return {};
}

void log_exchange(const AttemptSpec& spec, Attempted end, const wire::ScrubbedAnswer& scratch,
                  Instant started) {
  if (!log::enabled(log::Level::kExchange)) return;
  const std::chrono::duration<double, std::milli> taken = Clock::now() - started;
  const bool has_rcode = end == Attempted::kAnswered || end == Attempted::kRefused;
  log::write(log::Level::kExchange,
             fmt::format("upstream {} {} {} {}{}{} {:.3f} ms", spec.server.endpoint.to_string(),
                         spec.question.name.to_text(), wire::to_string(spec.question.type),
                         to_string(end), has_rcode ? " " : "",
                         has_rcode ? wire::to_string(scratch.rcode) : "", taken.count()));
}

}  // namespace

asio::awaitable<Attempted> attempt(AttemptSpec spec, wire::ScrubbedAnswer& scratch) {
  const Instant started = Clock::now();
  Attempted end{};
  if (spec.server.protocol == engine::UpstreamProtocol::kTcp) {
    end = co_await over_tcp(spec, scratch);
  } else {
    end = co_await over_udp(spec, scratch);
  }
  log_exchange(spec, end, scratch, started);
  co_return end;
}

}  // namespace nxgate::forward
