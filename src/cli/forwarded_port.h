// A port that leads from one side of a sandbox to the other.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace nxgate::cli {

/// Of the host's loopback, and of the sandbox's.
struct ForwardedPort {
  std::uint16_t host = 0;
  std::uint16_t inside = 0;
};

/// `8080`, the same on both sides, or `8080:80` with the host's first. Any thread.
[[nodiscard]] Result<ForwardedPort> parse_forwarded_port(std::string_view text);

}  // namespace nxgate::cli
