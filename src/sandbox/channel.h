// What nxgate and the first process of a sandbox tell each other.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <sys/socket.h>

#include "base/clock.h"
#include "sys/descriptor.h"

namespace nxgate::sandbox {

/// To the first process. The end of the channel is the end of the sandbox.
struct Order {
  enum class Kind : std::uint8_t {
    kMapped = 0,  ///< its user is known: it may begin
    kRun,         ///< the program
    kSignal,      ///< is for the program
  };
  Kind kind = Kind::kMapped;
  int signal = 0;
};

/// From it.
struct Report {
  enum class Kind : std::uint8_t {
    kFailed = 0,  ///< a step, with its errno
    kReady,       ///< to run the program
    kStopped,     ///< the program was, by a signal
  };
  Kind kind = Kind::kFailed;
  int error = 0;
  Instant at{};  ///< of kStopped
  std::array<char, 256> step{};
};

/// False if the other end is gone.
template <class Message>
bool tell(const sys::Descriptor& channel, const Message& message) noexcept {
  return ::send(channel.get(), &message, sizeof message, MSG_NOSIGNAL) == sizeof message;
}

/// Nothing if the other end is gone, or with MSG_DONTWAIT if there is none yet.
template <class Message>
std::optional<Message> hear(const sys::Descriptor& channel, int flags = 0) noexcept {
  Message message;
  const bool whole = ::recv(channel.get(), &message, sizeof message, flags) == sizeof message;
  return whole ? std::optional(message) : std::nullopt;
}

}  // namespace nxgate::sandbox
