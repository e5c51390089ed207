// IP addresses, endpoints and prefixes as values, free of sockaddr.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace nxgate {

/// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is turned into the IPv4
/// address it stands for, so that one client has one address.
class IpAddress {
 public:
  /// 0.0.0.0
  constexpr IpAddress() = default;

  [[nodiscard]] static IpAddress v4(const std::array<std::uint8_t, 4>& bytes) noexcept;
  [[nodiscard]] static IpAddress v6(const std::array<std::uint8_t, 16>& bytes) noexcept;

  /// Reads 4 or 16 bytes in network order; empty for any other number of them.
  [[nodiscard]] static std::optional<IpAddress> from_bytes(Bytes bytes) noexcept;

  /// Reads `192.0.2.1` or `2001:db8::1`; no brackets, no port, no zone.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const noexcept { return length_ == 4; }
  [[nodiscard]] bool is_unspecified() const noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;
  /// Of fe80::/10: it means something on one link only (RFC 4291 section 2.5.6).
  [[nodiscard]] bool is_v6_link_local() const noexcept;

  /// Network order, 4 or 16 bytes.
  [[nodiscard]] Bytes bytes() const noexcept { return {bytes_.data(), length_}; }

  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  std::uint8_t length_ = 4;
};

/// An address and a port, host order.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// Reads `192.0.2.1:53`, `[2001:db8::1]:53`, or an address alone, which gets `default_port`.
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text,
                                                     std::uint16_t default_port);
  /// `192.0.2.1:53` or `[2001:db8::1]:53`.
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Endpoint&) const = default;
};

/// An endpoint somewhere else, with the zone of a link-local address (RFC 4007 section 11): the
/// name or the index of the interface there. What it stands for is known when a socket is opened.
struct RemoteEndpoint : Endpoint {
  std::string zone;  ///< empty but for an address of fe80::/10

  RemoteEndpoint() = default;
  RemoteEndpoint(const Endpoint& endpoint) : Endpoint(endpoint) {}
  RemoteEndpoint(IpAddress address, std::uint16_t port) : Endpoint{address, port} {}

  /// As Endpoint::parse; also `fe80::1%eth0` and `[fe80::1%eth0]:53`.
  [[nodiscard]] static std::optional<RemoteEndpoint> parse(std::string_view text,
                                                           std::uint16_t default_port);
  /// A link-local address that doesn't say on which link.
  [[nodiscard]] bool lacks_zone() const noexcept {
    return zone.empty() && address.is_v6_link_local();
  }
  /// `fe80::1%eth0`
  [[nodiscard]] std::string host() const;
  /// `[fe80::1%eth0]:53`
  [[nodiscard]] std::string to_string() const;

  bool operator==(const RemoteEndpoint&) const = default;
};

/// Reads a decimal port from 1 to 65535 and nothing else.
[[nodiscard]] std::optional<std::uint16_t> parse_port(std::string_view text);

/// A port of TCP or UDP, host order.
struct Port {
  std::uint8_t protocol = 0;  ///< IPPROTO_TCP, IPPROTO_UDP; 0: anything
  std::uint16_t number = 0;

  /// `tcp/443`; for anything `any`.
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Port&) const = default;
};

/// No port at all means any.
using Ports = std::vector<Port>;

/// Reads `tcp/443`, `udp/53`, or a number alone, which is both.
[[nodiscard]] std::optional<Ports> parse_ports(std::string_view text);

/// An address range in CIDR form.
class Prefix {
 public:
  /// Reads `10.0.0.0/8`, `fd00::/8`, or an address alone, meaning just itself. Refuses bits set
  /// behind the prefix length, which are nearly always a slip.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);

  [[nodiscard]] bool contains(const IpAddress& address) const noexcept;
  [[nodiscard]] std::uint8_t length() const noexcept { return length_; }
  [[nodiscard]] const IpAddress& address() const noexcept { return address_; }
  [[nodiscard]] std::string to_string() const;

  bool operator==(const Prefix&) const = default;

 private:
  IpAddress address_;
  std::uint8_t length_ = 0;
};

}  // namespace nxgate

template <>
struct std::hash<nxgate::IpAddress> {
  std::size_t operator()(const nxgate::IpAddress& address) const noexcept {
    const nxgate::Bytes bytes = address.bytes();
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};
