// A connection that was checked by name, as an event.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/clock.h"
#include "engine/connection.h"

namespace nxgate::engine {

/// One connection, at its decision and at its end.
struct ConnectionEvent {
  enum class Kind : std::uint8_t {
    kDenied = 0,
    kFailed,  ///< allowed, but there was no way to the server
    kOpened,
    kEnded,
  };

  Kind kind = Kind::kDenied;
  std::uint64_t number = 0;  ///< of the connection, by which its end is known
  std::string policy;        ///< its name; empty if none covers the client
  std::string place;         ///< the container or namespace; empty for a client of the host
  Endpoint client;
  Endpoint to;
  /// What the client says: a name as wire::DomainName has it, else as it came, unescaped; empty if
  /// it says nothing.
  std::string name;
  ConnectionVerdict verdict = ConnectionVerdict::kNoPolicy;
  std::string rule;  ///< what decided about the name, as engine::rule_of has it
  std::string why;   ///< of a denial or a failure, in words
  /// There is another ClientHello in the one that was read, or what looks like it: GREASE.
  bool encrypted_hello = false;
  // Of kEnded:
  std::uint64_t sent = 0;      ///< octets, by the client
  std::uint64_t received = 0;  ///< octets, by the client
  Milliseconds lasted{};
};

[[nodiscard]] constexpr std::string_view to_string(ConnectionEvent::Kind kind) noexcept {
  constexpr std::array<std::string_view, 4> kWords{"denied", "failed", "opened", "ended"};
  return kWords[static_cast<std::size_t>(kind)];
}

}  // namespace nxgate::engine
