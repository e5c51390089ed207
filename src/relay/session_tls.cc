// A session whose client begins with TLS.
#include <array>
#include <cstddef>
#include <cstdint>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/bytes.h"
#include "engine/connection.h"
#include "engine/connection_event.h"
#include "peek/hello_reader.h"
#include "peek/second_hello.h"
#include "relay/octets.h"
#include "relay/pump.h"
#include "relay/session.h"
#include "relay/side.h"

namespace nxgate::relay {

namespace asio = boost::asio;

namespace {

/// Fatal alerts (RFC 8446 section 6): the peer was understood, and refused; or it wasn't.
constexpr std::array<std::uint8_t, 7> kAccessDenied{21, 3, 3, 0, 2, 2, 49};
constexpr std::array<std::uint8_t, 7> kUnrecognizedName{21, 3, 3, 0, 2, 2, 112};
constexpr std::array<std::uint8_t, 7> kDecodeError{21, 3, 3, 0, 2, 2, 50};
constexpr std::size_t kHelloPiece = 4UL << 10;

using State = peek::SecondHello::State;

}  // namespace

asio::awaitable<void> Session::run_tls() {
  peek::HelloReader reader;
  while (reader.state() == peek::HelloReader::State::kIncomplete) {
    const Bytes more = co_await read_more();
    if (more.empty()) co_return;
    (void)reader.read(more);
  }
  if (reader.state() == peek::HelloReader::State::kBroken) {
    broken(reader.fault());
    co_return co_await say_goodbye(kDecodeError);
  }
  if (!decide(reader.hello().server_name, reader.hello().encrypted_hello)) {
    const bool by_name = event_.verdict == engine::ConnectionVerdict::kNameDenied ||
                         event_.verdict == engine::ConnectionVerdict::kUnreadable;
    co_return co_await say_goodbye(by_name ? Bytes(kUnrecognizedName) : Bytes(kAccessDenied));
  }
  peek::SecondHello second(reader.hello());
  (void)second.read(Bytes(held_).subspan(reader.extent()));
  if (second.state() == State::kBroken) {
    broken(second.fault());
    co_return co_await say_goodbye(kDecodeError);
  }
  if (!co_await connect()) co_return close();
  if (!co_await server_.write(held_)) co_return close();
  sent_ += held_.size();
  release_held();
  co_await hand_on(second);
}

asio::awaitable<void> Session::hand_on(peek::SecondHello& second) {
  using boost::asio::experimental::awaitable_operators::operator&&;
  co_await (hand_on(client_, server_, sent_, second) &&
            hand_on(server_, client_, received_, second));
}

/// Each octet is looked at until it is known that no other name can follow; then none is.
asio::awaitable<void> Session::hand_on(Side& from, Side& to, Octets& moved,
                                       peek::SecondHello& second) {
  const End end =
      second.state() == State::kIncomplete ? co_await watch(from, to, moved, second) : End::kOpen;
  if (end == End::kClosed) co_return to.end_writing();
  if (end == End::kBroken) co_return close();
  co_await hand_on(from, to, moved);
}

/// In a frame of its own, since its buffer is needed for a round trip or two.
asio::awaitable<End> Session::watch(Side& from, Side& to, Octets& moved,
                                    peek::SecondHello& second) {
  std::array<std::uint8_t, kHelloPiece> piece;
  while (co_await from.readable()) {
    if (second.state() != State::kIncomplete) co_return End::kOpen;
    const Side::Got got = co_await from.read(piece);
    if (got.kind == Side::Got::Kind::kEnd) co_return End::kClosed;
    if (got.kind == Side::Got::Kind::kFault) break;
    const Bytes bytes = Bytes(piece).first(got.count);
    (void)(&from == &client_ ? second.read(bytes) : second.read_answer(bytes));
    if (second.state() == State::kBroken) {
      event_.why = second.fault();
      break;
    }
    if (!co_await to.write(bytes)) break;
    moved += got.count;
  }
  co_return End::kBroken;
}

}  // namespace nxgate::relay
