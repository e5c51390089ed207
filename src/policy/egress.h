// What may be reached from where a policy holds: its firewall's part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "policy/connection_checks.h"
#include "wire/address_edit.h"
#include "wire/name.h"

namespace nxgate::policy {

enum class EgressMode : std::uint8_t {
  kEnforce = 0,
  kAudit,  ///< everything passes; what would have been refused is reported
};

/// Something that is open, or closed, whatever names resolve to.
struct Reach {
  Prefix to;
  std::optional<Port> port;  ///< any if unset

  bool operator==(const Reach&) const = default;
};

/// As many ranges as one firewall can be told of: `always` for each port, `never`, and for clients
/// all `from`.
inline constexpr std::size_t kMostRanges = 16384;

/// The settings of `[policies.NAME.egress]`.
struct Egress {
  EgressMode mode = EgressMode::kEnforce;
  Ports ports;                    ///< of names whose rule has none of its own; empty for any
  std::vector<Reach> always;      ///< wins over `never`
  std::vector<Prefix> never;      ///< closed to everybody
  bool never_private = false;     ///< nor is a private address in an upstream's answer
  Milliseconds grace{60'000};     ///< how much longer than its TTL an address stays open
  std::uint32_t most_ttl = 3600;  ///< seconds
  bool networks = false;          ///< opens the networks that the namespace is connected to
  bool strip_hints = false;
  bool strip_ech = false;
  bool stays_closed = true;  ///< also after a normal stop
  ConnectionChecks checks;

  bool operator==(const Egress&) const = default;
};

/// An answer's addresses, about to be told to a client.
struct Admission {
  const wire::DomainName& name;   ///< that is allowed: what was asked for, or what led there
  const wire::DomainName& asked;  ///< what was asked for
  ClientKey client;               ///< who asked
  std::span<const wire::FoundAddress> addresses;
  std::span<const Port> ports;  ///< empty for any
  Milliseconds grace{};
};

/// What a firewall has to do with a name or an address, for the operator.
struct EgressView {
  struct Opening {
    IpAddress address;
    Port port;
    std::string name;     ///< by which it is allowed
    Milliseconds left{};  ///< until it ends
  };
  struct Refusal {
    IpAddress address;
    Port port;
    std::uint64_t packets = 0;
  };
  std::vector<Opening> open;
  std::vector<Refusal> refused;  ///< in the last minute; in an audit what would have been
};

/// A connection of our own for a client.
struct OnwardFlow {
  Endpoint from;
  Endpoint to;
};

/// The port to the firewall of a namespace.
class EgressSets {
 public:
  virtual ~EgressSets() = default;
  /// Opens the way to these addresses; true once the kernel has acknowledged it. Any thread; some
  /// microseconds, without allocation if all of them are open already.
  [[nodiscard]] virtual bool admit(const Admission& admission, Instant now) noexcept = 0;

  /// Whether this client was told the address in an answer to a question for this name, and may
  /// still keep it. Any thread, like the next ones.
  [[nodiscard]] virtual bool was_told(ClientKey client, const wire::DomainName& name,
                                      const IpAddress& address, Instant now) noexcept = 0;
  /// The name for which it is open, or the root if an earlier nxgate didn't say; nothing if it
  /// isn't open.
  [[nodiscard]] virtual std::optional<wire::DomainName> opener(const IpAddress& address,
                                                               const Port& port,
                                                               Instant now) noexcept = 0;
  /// Lets these connections of ours to checked ports pass, until `end_onward`; true once the kernel
  /// has acknowledged all of them. Some microseconds.
  [[nodiscard]] virtual bool let_onward(std::span<const OnwardFlow> flows) noexcept = 0;
  virtual void end_onward(std::span<const OnwardFlow> flows) noexcept = 0;
  /// There was no way to that server: for a while whoever connects to it is refused by the kernel,
  /// so that it tries another address, as it would without us.
  virtual void note_unreachable(const Endpoint& server) noexcept = 0;

  /// All about the addresses that the name led to, by what was reported last. Main thread.
  [[nodiscard]] virtual EgressView look(const std::string& name, Instant now) = 0;
  [[nodiscard]] virtual EgressView look(const IpAddress& address, Instant now) = 0;
};

/// A policy's firewall for clients of this host.
struct ClientFirewall {
  std::string policy;
  Egress egress;
  std::vector<Prefix> clients;
  std::vector<Prefix> others;  ///< ranges of other policies
};

/// Where the answers of a policy with a ClientFirewall open the way.
class EgressRegistry {
 public:
  virtual ~EgressRegistry() = default;
  /// Those of the policy, always the same. Any thread.
  [[nodiscard]] virtual std::shared_ptr<EgressSets> sets_of(const std::string& policy) = 0;
};

}  // namespace nxgate::policy
