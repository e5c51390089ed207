// Which addresses no name of the public internet should lead to, and where IPv6 addresses hold IPv4
// ones.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/address.h"

namespace nxgate {

/// The column "Globally Reachable" of IANA's registries of special-purpose addresses (RFC 8190).
enum class GloballyReachable : std::uint8_t {
  kNo = 0,
  kYes,
  kNotApplicable,
  kEnded,      ///< empty: the allocation has ended
  kNotListed,  ///< a range of another registry
};

/// A row of the table of special ranges.
struct SpecialRange {
  std::string_view range;
  std::string_view name;
  std::string_view source;  ///< the RFC that the registry names
  GloballyReachable reachable;
  bool is_private;  ///< as `reachable` says, where it says something; else as we judge
};

/// All of them: the registries of IANA for IPv4 and IPv6, and what else is no unicast of the
/// internet. A range may lie within another; the narrowest one counts.
[[nodiscard]] std::span<const SpecialRange> special_ranges() noexcept;

/// Whether the narrowest special range that has this address is private. An address that embeds
/// another is judged for itself; ask for the embedded ones as well. Some hundred nanoseconds, no
/// allocation.
[[nodiscard]] bool is_private(const IpAddress& address) noexcept;

/// Where IPv6 addresses of a form hold the IPv4 address that somebody on the way takes out of them.
struct Embedding {
  std::string_view name;
  std::string_view example;  ///< one with 192.0.2.33 in it
  std::string_view source;
  std::array<std::uint8_t, 16> value;  ///< an address of this form has these bits
  std::array<std::uint8_t, 16> mask;   ///< of those that are set here
  std::array<std::uint8_t, 4> at;      ///< where the four octets stand
  std::uint8_t flipped;                ///< with all bits turned over: 0xff, else 0
};

[[nodiscard]] std::span<const Embedding> embeddings() noexcept;

/// The IPv4 addresses that an IPv6 address may end up at where somebody translates. Several, since
/// a form can be read in several ways; none of an IPv4 address, of :: and of ::1. A mapped one
/// (::ffff:0:0/96) is an IPv4 address already.
class EmbeddedAddresses {
 public:
  explicit EmbeddedAddresses(const IpAddress& address) noexcept;
  [[nodiscard]] const IpAddress* begin() const noexcept { return found_.data(); }
  [[nodiscard]] const IpAddress* end() const noexcept { return found_.data() + count_; }

 private:
  std::array<IpAddress, 8> found_{};
  std::size_t count_ = 0;
};

/// Both tables as they stand in docs/egress.md.
[[nodiscard]] std::string special_addresses_page();

}  // namespace nxgate
