#include "peek/second_hello.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "peek/client_hello.h"
#include "peek/tls_records.h"

namespace nxgate::peek {
namespace {

constexpr std::uint8_t kServerHello = 2;
constexpr std::size_t kRandomAt = 4 + 2;  // behind the header and the version

/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3).
constexpr std::array<std::uint8_t, 32> kRetry{
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

}  // namespace

SecondHello::SecondHello(const ClientHello& first)
    : state_(first.offers_tls13 ? State::kIncomplete : State::kNone), first_(first) {}

SecondHello::State SecondHello::broken(std::string_view fault) {
  fault_ = fault;
  return state_ = State::kBroken;
}

SecondHello::State SecondHello::read(Bytes client) {
  while (state_ == State::kIncomplete && !client.empty()) {
    const auto part = client_.next(client);
    if (!client_.fault().empty()) return broken(client_.fault());
    if (part) take(*part);
  }
  return state_;
}

/// Servers skip what isn't of the handshake even between two fragments of a hello.
SecondHello::State SecondHello::take(const TlsRecords::Part& part) {
  switch (part.type) {
    case RecordType::kChangeCipherSpec:
    case RecordType::kAlert:
      return state_;
    case RecordType::kApplicationData:
      return first_.early_data ? state_ : broken("data before the handshake");
    case RecordType::kHandshake:
      break;
    case RecordType::kInvalid:
      return broken("not TLS");
  }
  switch (message_.take(part.bytes, part.left)) {
    case HelloMessage::State::kBroken:
      return broken(message_.fault());
    case HelloMessage::State::kIncomplete:
      return state_;
    case HelloMessage::State::kComplete:
      break;
  }
  return compare();
}

SecondHello::State SecondHello::compare() {
  const ClientHello& second = message_.hello();
  if (second.server_name != first_.server_name) return broken("a second hello of another name");
  if (second.encrypted_hello != first_.encrypted_hello) {
    return broken("a second hello that is encrypted otherwise");
  }
  if (!second.offers_tls13) return broken("a second hello without TLS 1.3");
  return state_ = State::kSame;
}

SecondHello::State SecondHello::read_answer(Bytes server) {
  while (state_ == State::kIncomplete && answer_size_ < kAnswerHead && !server.empty()) {
    const auto part = server_.next(server);
    // What doesn't speak TLS hasn't taken the first hello for one.
    if (!server_.fault().empty()) return state_ = State::kNone;
    if (part && part->type == RecordType::kHandshake) take_answer(part->bytes);
  }
  return state_;
}

SecondHello::State SecondHello::take_answer(Bytes handshake) {
  const std::size_t taken = std::min(handshake.size(), kAnswerHead - answer_size_);
  std::copy_n(handshake.begin(), taken, answer_.begin() + answer_size_);
  answer_size_ += taken;
  if (answer_.front() != kServerHello) return broken("an answer that isn't a ServerHello");
  if (answer_size_ < kAnswerHead) return state_;
  if (!std::ranges::equal(Bytes(answer_).subspan(kRandomAt), kRetry)) state_ = State::kNone;
  return state_;
}

}  // namespace nxgate::peek
