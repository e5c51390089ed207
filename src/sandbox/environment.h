// The environment of a program in a sandbox.
#pragma once

#include <string>
#include <vector>

namespace nxgate::sandbox {

struct Environment {
  std::vector<std::string> kept;     ///< `NAME=value`
  std::vector<std::string> dropped;  ///< names
};

/// Without what names proxies, which can't be reached, and what names sockets that are hidden
/// (own_files.h).
[[nodiscard]] Environment environment_inside(const char* const* variables, bool ssh_agent);

}  // namespace nxgate::sandbox
