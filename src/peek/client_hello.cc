#include "peek/client_hello.h"

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "peek/server_name.h"
#include "wire/reader.h"

namespace nxgate::peek {
namespace {

using wire::Reader;
using Fault = std::string_view;

constexpr std::uint8_t kClientHello = 1;  // RFC 8446 section 4
constexpr std::size_t kMessageHeader = 4;
constexpr std::uint16_t kSsl3 = 0x0300;
constexpr std::uint16_t kTls13 = 0x0304;
constexpr std::uint8_t kTls13Draft = 0x7f;  // the first octet of the numbers that drafts had
constexpr std::size_t kRandom = 32;
constexpr std::size_t kLongestSession = 32;
constexpr std::uint8_t kHostName = 0;  // RFC 6066 section 3
constexpr std::uint8_t kNoCompression = 0;

/// Extensions that are read; all others are skipped.
enum Extension : std::uint16_t {
  kServerName = 0,
  kPreSharedKey = 41,
  kEarlyData = 42,
  kSupportedVersions = 43,
  kEncryptedHelloDraft8 = 0xfe08,
  kEncryptedHello = 0xfe0d,
  kEncryptedServerName = 0xffce,
};

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// RFC 6066 section 3: a list that has exactly one name.
Fault read_server_name_list(Bytes data, ClientHello& hello) {
  Reader reader(data);
  if (reader.u16() != reader.remaining()) return "a server name list of a wrong length";
  if (reader.u8() != kHostName) return "a server name of an unknown type";
  const Bytes name = reader.bytes(reader.u16());
  if (!reader.ok() || name.empty()) return "a server name of a wrong length";
  if (reader.remaining() > 0) return "more than one server name";
  hello.server_name = read_server_name(text_of(name));
  return {};
}

/// RFC 8446 section 4.2.1.
Fault read_supported_versions(Bytes data, ClientHello& hello) {
  Reader reader(data);
  const std::size_t length = reader.u8();
  if (length < 2 || length % 2 != 0 || length != reader.remaining()) {
    return "a list of TLS versions of a wrong length";
  }
  while (reader.remaining() > 0) {
    const std::uint16_t version = reader.u16();
    hello.offers_tls13 |= version == kTls13 || version >> 8 == kTls13Draft;
  }
  return {};
}

Fault read_extension(std::uint16_t type, Bytes data, ClientHello& hello) {
  switch (type) {
    case kServerName:
      return read_server_name_list(data, hello);
    case kSupportedVersions:
      return read_supported_versions(data, hello);
    case kEarlyData:
      hello.early_data = true;
      return data.empty() ? "" : "an extension for early data that isn't empty";
    case kEncryptedServerName:
      hello.encrypted_hello = true;
      return {};
    default:
      hello.encrypted_hello |= type >= kEncryptedHelloDraft8 && type <= kEncryptedHello;
      return {};
  }
}

Fault read_extensions(Bytes bytes, ClientHello& hello) {
  std::bitset<1U << 16> seen;
  for (Reader reader(bytes); reader.remaining() > 0;) {
    const std::uint16_t type = reader.u16();
    const Bytes data = reader.bytes(reader.u16());
    if (!reader.ok()) return "an extension of a wrong length";
    if (seen.test(type)) return "an extension that stands twice";
    seen.set(type);
    if (const Fault fault = read_extension(type, data, hello); !fault.empty()) return fault;
    if (type == kPreSharedKey && reader.remaining() > 0) {
      return "an extension behind the pre-shared keys";  // RFC 8446 section 4.2.11
    }
  }
  return {};
}

}  // namespace

std::expected<ClientHello, std::string_view> parse_client_hello(Bytes body) {
  Reader reader(body);
  const std::uint16_t version = reader.u16();
  if (version < kSsl3 || version > kTls13) return std::unexpected("an unknown TLS version");
  reader.skip(kRandom);
  const std::size_t session = reader.u8();
  reader.skip(session);
  const std::size_t suites = reader.u16();
  reader.skip(suites);
  const Bytes compression = reader.bytes(reader.u8());
  if (!reader.ok() || session > kLongestSession || suites == 0 || suites % 2 != 0 ||
      std::ranges::find(compression, kNoCompression) == compression.end()) {
    return std::unexpected("a hello whose fields have wrong lengths");
  }
  ClientHello hello;
  if (reader.remaining() == 0) return hello;
  if (reader.u16() != reader.remaining() || !reader.ok()) {
    return std::unexpected("a list of extensions of a wrong length");
  }
  const Fault fault = read_extensions(reader.bytes(reader.remaining()), hello);
  if (!fault.empty()) return std::unexpected(fault);
  return hello;
}

std::size_t HelloMessage::length() const noexcept {
  Reader reader(message_, 1);
  const std::size_t high = reader.u8();
  return kMessageHeader + (high << 16 | reader.u16());
}

HelloMessage::State HelloMessage::broken(std::string_view fault) {
  message_ = {};
  fault_ = fault;
  return state_ = State::kBroken;
}

HelloMessage::State HelloMessage::take(Bytes fragment, std::size_t left) {
  while (state_ == State::kIncomplete && !fragment.empty()) {
    const std::size_t wanted = message_.size() < kMessageHeader ? 1 : length() - message_.size();
    const Bytes taken = fragment.first(std::min(wanted, fragment.size()));
    message_.insert(message_.end(), taken.begin(), taken.end());
    fragment = fragment.subspan(taken.size());
    if (message_.front() != kClientHello) return broken("a handshake message that isn't a hello");
    if (message_.size() < kMessageHeader) continue;
    if (length() > kLongest) return broken("a hello of more than 64 KiB");
    if (message_.size() < length()) continue;
    if (fragment.size() + left > 0) return broken("a record that goes on behind the hello");
    const auto hello = parse_client_hello(Bytes(message_).subspan(kMessageHeader));
    if (!hello) return broken(hello.error());
    message_ = {};
    hello_ = *hello;
    state_ = State::kComplete;
  }
  return state_;
}

}  // namespace nxgate::peek
