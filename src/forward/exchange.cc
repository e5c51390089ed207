#include "forward/exchange.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ratio>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/descriptor_base.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sodium.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "sys/netns.h"
#include "sys/socket.h"
#include "wire/answer.h"
#include "wire/types.h"
#include "wire/upstream_query.h"
#include "wire/writer.h"

namespace nxgate::forward {
namespace {

using boost::asio::awaitable;
using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using Wait = boost::asio::posix::descriptor_base;

/// After so many messages that were not ours the question moves to TCP.
constexpr int kMostJunk = 64;

bool is_our_own_lack(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool is_passing(int error) noexcept { return error == EAGAIN || error == EINTR; }

}  // namespace

Exchange::Exchange(Bench& bench, const engine::UpstreamServer& server, const std::string& netns,
                   const cache::Key& key, bool by_tcp_only)
    : bench_(bench),
      server_(server),
      netns_(netns),
      key_(key),
      by_tcp_only_(by_tcp_only || server.protocol == engine::UpstreamProtocol::kTcp),
      socket_(bench.loop) {}

awaitable<Reply> Exchange::run() {
  Next next = Next::kTcp;
  if (!by_tcp_only_) next = co_await ask_by_udp();
  if (next == Next::kTcp && !cancelled_) co_await ask_by_tcp();
  co_return std::move(reply_);
}

void Exchange::cancel() {
  cancelled_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

awaitable<Exchange::Next> Exchange::ask_by_udp() {
  compose(true);
  if (!open(sys::SocketKind::kUdp)) co_return Next::kDone;
  if (::send(socket_.native_handle(), query_.data(), query_size_, MSG_NOSIGNAL) < 0) {
    network_failed(errno);
    co_return Next::kDone;
  }
  for (int junk = 0; junk < kMostJunk;) {
    boost::system::error_code error;
    co_await socket_.async_wait(Wait::wait_read, redirect_error(use_awaitable, error));
    if (error) break;
    const auto size =
        ::recv(socket_.native_handle(), bench_.message.data(), bench_.message.size(), 0);
    if (size < 0 && is_passing(errno)) continue;
    if (size < 0) {
      network_failed(errno);
      co_return Next::kDone;
    }
    const Next next = judge(Bytes(bench_.message).first(static_cast<std::size_t>(size)));
    if (next != Next::kWait) co_return next;
    saw_junk_ = true;
    ++junk;
  }
  if (!cancelled_) co_return Next::kTcp;
  finish(Outcome::kSilent, "no answer");
  co_return Next::kDone;
}

awaitable<void> Exchange::ask_by_tcp() {
  compose(false);
  if (!open(sys::SocketKind::kTcp)) co_return;
  boost::system::error_code error;
  co_await socket_.async_wait(Wait::wait_write, redirect_error(use_awaitable, error));
  if (error) co_return finish(Outcome::kSilent, "no connection");
  int failure = 0;
  socklen_t length = sizeof failure;
  ::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &failure, &length);
  if (failure != 0) co_return network_failed(failure);

  std::array<std::uint8_t, 2 + wire::kLargestUpstreamQuery> frame;
  wire::Writer writer(frame);
  writer.u16(static_cast<std::uint16_t>(query_size_));
  writer.bytes(sent());
  // So few bytes always fit an empty send buffer.
  if (::send(socket_.native_handle(), frame.data(), writer.size(), MSG_NOSIGNAL) < 0) {
    co_return network_failed(errno);
  }
  std::array<std::uint8_t, 2> prefix{};
  if (!co_await receive(prefix)) co_return;
  std::vector<std::uint8_t> message(static_cast<std::size_t>(prefix[0] << 8 | prefix[1]));
  if (!co_await receive(message)) co_return;
  if (judge(message) != Next::kDone) finish(Outcome::kBadAnswer, "not an answer");
}

/// Fills `buffer` from the stream; false, with the exchange finished, if that can't be.
awaitable<bool> Exchange::receive(MutableBytes buffer) {
  while (!buffer.empty()) {
    boost::system::error_code error;
    co_await socket_.async_wait(Wait::wait_read, redirect_error(use_awaitable, error));
    if (error) {
      finish(Outcome::kSilent, "no answer");
      co_return false;
    }
    const auto size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (size < 0 && is_passing(errno)) continue;
    if (size <= 0) {
      finish(Outcome::kBadAnswer, "connection closed");
      co_return false;
    }
    buffer = buffer.subspan(static_cast<std::size_t>(size));
  }
  co_return true;
}

bool Exchange::open(sys::SocketKind kind) {
  started_ = Clock::now();
  kind_ = kind;
  boost::system::error_code ignored;
  socket_.close(ignored);
  auto opened = sys::open_upstream_socket(kind, server_.endpoint, netns_);
  if (!opened) {
    network_failed(opened.error().value());
    return false;
  }
  boost::system::error_code error;
  socket_.assign(opened->get(), error);
  if (error) {
    finish(Outcome::kNoSocket, "no descriptor");
    return false;
  }
  std::ignore = opened->release();
  return true;
}

void Exchange::compose(bool mixed_case) {
  wire::UpstreamQuery query;
  query.question = key_.question;
  query.dnssec_ok = key_.dnssec_ok;
  query.checking_disabled = key_.checking_disabled;
  randombytes_buf(&query.id, sizeof query.id);
  if (mixed_case) randombytes_buf(query.case_bits.data(), query.case_bits.size());
  query_size_ = wire::write_upstream_query(query, query_);
}

/// Looks at what came: kDone with the reply set, or what to do instead.
Exchange::Next Exchange::judge(Bytes message) {
  const auto scrubbed = wire::scrub_answer(message, sent(), bench_.scrubbed);
  if (scrubbed) {
    reply_.answer = cache::make_answer(key_, bench_.scrubbed, bench_.limits, Clock::now());
    finish(Outcome::kAnswered, "answer");
    return Next::kDone;
  }
  switch (scrubbed.error()) {
    case wire::AnswerFault::kNotOurs:
      return Next::kWait;
    case wire::AnswerFault::kTruncated:
      replied_ = true;
      [[fallthrough]];
    case wire::AnswerFault::kWrongId:
      finish(Outcome::kSilent, to_string(scrubbed.error()));
      return Next::kTcp;
    case wire::AnswerFault::kMalformed:
      finish(Outcome::kBadAnswer, to_string(scrubbed.error()));
      return Next::kDone;
    case wire::AnswerFault::kRcode:
      finish(Outcome::kBadAnswer, to_string(bench_.scrubbed.rcode));
      return Next::kDone;
  }
  return Next::kWait;
}

void Exchange::network_failed(int error) {
  const std::string words = std::generic_category().message(error);
  const bool no_namespace = !netns_.own() && !netns_.identity();
  const std::string at = netns_.own() ? server_.endpoint.to_string()
                                      : server_.endpoint.to_string() + "@" + netns_.text();
  log::repeated("upstream " + at,
                fmt::format("upstream {}: {}", at,
                            no_namespace ? "the network namespace is missing" : words));
  finish(is_our_own_lack(error) ? Outcome::kNoSocket : Outcome::kUnreachable, words);
}

void Exchange::finish(Outcome outcome, std::string_view words) {
  reply_.outcome = outcome;
  if (!log::enabled(log::Level::kExchange)) return;
  const std::chrono::duration<double, std::milli> time = Clock::now() - started_;
  log::write(
      log::Level::kExchange,
      fmt::format("{} {} {} {}: {} in {:.1f} ms", server_.endpoint.to_string(),
                  kind_ == sys::SocketKind::kUdp ? "udp" : "tcp", key_.question.name.to_text(),
                  to_string(key_.question.type), words, time.count()));
}

}  // namespace nxgate::forward
