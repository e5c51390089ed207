// Numbers of the DNS protocol with their names. Each list exists once; lookup, printing and
// documentation derive from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nxgate::wire {

/// The fixed part of every message (RFC 1035 section 4.1.1).
inline constexpr std::size_t kHeaderSize = 12;

/// Where the header counts the records of the answer section.
inline constexpr std::size_t kAnswerCountAt = 6;

/// Octets of a record between its owner and the length of its data.
inline constexpr std::size_t kTypeClassTtl = 8;

/// The bits of a label's length that make it a pointer, and a pointer's before the place it leads
/// to (RFC 1035 section 4.1.4).
inline constexpr std::uint8_t kPointerBits = 0xc0;
inline constexpr std::uint16_t kPointer = 0xc000;

/// The largest message without EDNS, and the least any client accepts (RFC 1035 section 2.3.4).
inline constexpr std::size_t kClassicUdpSize = 512;

/// The largest UDP message we send or ask for: never fragmented (RFC 9715).
inline constexpr std::size_t kLargestUdpSize = 1232;

inline constexpr std::size_t kLargestMessage = 65535;

/// A TTL with the top bit set is to be read as 0 (RFC 2181 section 8).
inline constexpr std::uint32_t kLargestTtl = 0x7fff'ffff;

/// RFC 1035 section 4.1.1 and RFC 6891 section 6.1.3 (values above 15 need EDNS).
enum class Rcode : std::uint16_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
  kBadVers = 16,
};

/// Extended DNS Errors that nxgate sends (RFC 8914 section 5.2).
enum class Ede : std::uint16_t {
  kOther = 0,
  kStaleAnswer = 3,
  kBlocked = 15,
  kFiltered = 17,
  kProhibited = 18,
  kStaleNxDomain = 19,
  kNoReachableAuthority = 22,
  kNetworkError = 23,
};

/// What the registry calls any code of an Extended DNS Error; empty for one that isn't in it.
[[nodiscard]] std::string_view name_of_extended_error(std::uint16_t code) noexcept;

/// EDNS options that nxgate reads or writes; every other one is ignored (RFC 6891 section 6.1.2).
enum class OptionCode : std::uint16_t { kCookie = 10, kKeepalive = 11, kEde = 15 };

/// A record type. Types we know nothing of are values like any other (RFC 3597).
enum class Type : std::uint16_t {
  kA = 1,
  kNs = 2,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kHinfo = 13,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kSrv = 33,
  kNaptr = 35,
  kDname = 39,
  kOpt = 41,
  kRrsig = 46,
  kNsec = 47,
  kNsec3 = 50,
  kSvcb = 64,
  kHttps = 65,
  kTkey = 249,
  kTsig = 250,
  kIxfr = 251,
  kAxfr = 252,
  kAny = 255,
};

enum class Class : std::uint16_t { kIn = 1, kChaos = 3, kAny = 255 };

/// `AAAA`, or `TYPE12345` (RFC 3597 section 5).
[[nodiscard]] std::string to_string(Type type);
/// Reads what `to_string` writes, in any case.
[[nodiscard]] std::optional<Type> parse_type(std::string_view text);

/// `IN`, `CH`, or `CLASS12345`.
[[nodiscard]] std::string to_string(Class qclass);

/// `NXDOMAIN`, or `RCODE17`.
[[nodiscard]] std::string to_string(Rcode rcode);

/// Whether `type` may only stand in a question or in the additional section (RFC 6895 section 3.1).
[[nodiscard]] constexpr bool is_meta(Type type) noexcept {
  const auto number = static_cast<std::uint16_t>(type);
  return number == 0 || type == Type::kOpt || (number >= 128 && number <= 255);
}

}  // namespace nxgate::wire
