// Connections that are checked by the name they give: a firewall's settings for them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace nxgate::policy {

/// Where a connection says its name.
enum class NameIn : std::uint8_t {
  kTls = 0,  ///< in the ClientHello (RFC 6066 section 3)
  kHttp,     ///< in each request of HTTP/1 (RFC 9112 section 3.2)
  kNowhere,  ///< nowhere: the address decides, and nothing is read before
};

/// A TCP port whose connections say a name.
struct CheckedPort {
  NameIn where = NameIn::kTls;
  std::uint16_t port = 0;

  bool operator==(const CheckedPort&) const = default;
};

/// A ClientHello with an encrypted one in it (ECH), or with what looks like that.
enum class EncryptedHello : std::uint8_t {
  kRefuse = 0,
  kOuterName,  ///< judged by the name outside
};

/// UDP to a port where TLS is checked.
enum class Quic : std::uint8_t {
  kRefuse = 0,  ///< at once, so that clients fall back to TCP
  kPass,        ///< by its address alone
};

/// TLS without a name, or with an address for a name.
enum class Unnamed : std::uint8_t {
  kDeny = 0,
  kByAddress,
};

/// From where nxgate connects for a client.
enum class DialFrom : std::uint8_t {
  kNamespace = 0,  ///< the client's, by its routes
  kHost,           ///< nxgate's own
};

inline constexpr std::size_t kMostCheckedPorts = 64;

[[nodiscard]] inline std::vector<CheckedPort> usual_checks() {
  return {{NameIn::kTls, 443}, {NameIn::kHttp, 80}};
}

struct ConnectionChecks {
  std::vector<CheckedPort> ports;  ///< empty: none is checked
  EncryptedHello encrypted_hello = EncryptedHello::kOuterName;
  Quic quic = Quic::kRefuse;
  Unnamed unnamed = Unnamed::kDeny;
  DialFrom dial = DialFrom::kNamespace;
  bool closes_on_change = true;  ///< connections whose name is no longer allowed
  /// There is no way out but ours: TCP to all other ports is carried as well, by its address, and
  /// all that isn't TCP is refused.
  bool carries_all = false;

  /// Whether connections are redirected to us at all.
  [[nodiscard]] bool any() const noexcept { return carries_all || !ports.empty(); }

  [[nodiscard]] bool has_tls() const noexcept {
    return std::ranges::find(ports, NameIn::kTls, &CheckedPort::where) != ports.end();
  }
  /// Where a connection to this port says its name; nothing if none of that port is ours.
  [[nodiscard]] std::optional<NameIn> at(std::uint16_t port) const noexcept {
    const auto found = std::ranges::find(ports, port, &CheckedPort::port);
    if (found != ports.end()) return found->where;
    return carries_all ? std::optional(NameIn::kNowhere) : std::nullopt;
  }

  bool operator==(const ConnectionChecks&) const = default;
};

}  // namespace nxgate::policy
