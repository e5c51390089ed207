// A connection that was checked by name, as an event.
#pragma once

#include <cstdint>
#include <string>

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
  std::string name;  ///< as the client says it, unescaped; empty if it says none
  ConnectionVerdict verdict = ConnectionVerdict::kNoPolicy;
  std::string rule;  ///< what decided about the name, as engine::rule_of has it
  std::string why;   ///< of a denial or a failure, in words
  // Of kEnded:
  std::uint64_t sent = 0;      ///< octets, by the client
  std::uint64_t received = 0;  ///< octets, by the client
  Milliseconds lasted{};
};

}  // namespace nxgate::engine
