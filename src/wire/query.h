// What a client sent, parsed once into the form that everything after it works from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::wire {

/// A question in canonical form.
struct Question {
  DomainName name;
  Type type{};
  Class qclass{};

  bool operator==(const Question&) const = default;
};

/// The bits of a header's second word that nxgate reads (RFC 1035 section 4.1.1, RFC 4035).
namespace header_flag {
inline constexpr std::uint16_t kResponse = 0x8000;
inline constexpr std::uint16_t kOpcodeMask = 0x7800;
inline constexpr std::uint16_t kAuthoritative = 0x0400;
inline constexpr std::uint16_t kTruncated = 0x0200;
inline constexpr std::uint16_t kRecursionDesired = 0x0100;
inline constexpr std::uint16_t kRecursionAvailable = 0x0080;
inline constexpr std::uint16_t kAuthenticData = 0x0020;
inline constexpr std::uint16_t kCheckingDisabled = 0x0010;
inline constexpr std::uint16_t kRcodeMask = 0x000f;
}  // namespace header_flag

/// A DNS cookie as sent: 8 bytes of the client, then none or 8 to 32 of a server (RFC 7873
/// section 4).
struct Cookie {
  std::array<std::uint8_t, 8> client{};
  std::array<std::uint8_t, 32> server{};
  std::uint8_t server_size = 0;
};

/// The OPT record of a query (RFC 6891 section 6.1).
struct ClientEdns {
  std::uint16_t udp_size = kClassicUdpSize;
  bool dnssec_ok = false;
  bool asks_keepalive = false;
  std::optional<Cookie> cookie;
};

/// What is to become of a received message.
enum class Parsed : std::uint8_t {
  kDrop = 0,    ///< shorter than a header, or itself a response: never answered
  kFormErr,     ///< an id can be read, but the message is broken
  kNotImp,      ///< an opcode other than QUERY
  kBadVers,     ///< an EDNS version above 0
  kCookieOnly,  ///< no question, only a cookie (RFC 7873 section 5.4)
  kQuery,       ///< one well-formed question
};

/// A received request. Only `question_wire` refers to the received bytes; it must not outlive them.
struct Query {
  Parsed parsed = Parsed::kDrop;
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  /// Of `kQuery`; of the others too, as far as it could be read.
  Question question;
  /// The question as sent, in the client's own case, to be echoed byte for byte; empty if the
  /// question could not be read.
  Bytes question_wire;
  std::optional<ClientEdns> edns;

  [[nodiscard]] bool dnssec_ok() const noexcept { return edns && edns->dnssec_ok; }
  /// Whether the client wants to know if the answer is validated (RFC 6840 section 5.8).
  [[nodiscard]] bool wants_authentic() const noexcept {
    return dnssec_ok() || (flags & header_flag::kAuthenticData) != 0;
  }
  [[nodiscard]] bool checking_disabled() const noexcept {
    return (flags & header_flag::kCheckingDisabled) != 0;
  }
};

/// Parses `message` strictly: one question (RFC 9619), records within bounds, at most one OPT with
/// the root as its owner, nothing behind the last record. One pass, no allocation, never throws.
[[nodiscard]] Query parse_query(Bytes message) noexcept;

}  // namespace nxgate::wire
