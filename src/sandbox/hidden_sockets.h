// Sockets by which a program would get names or power past its sandbox, where they are.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sandbox/step.h"

namespace nxgate::sandbox {

/// What a program is to find empty. Without links.
struct Hidden {
  std::set<std::filesystem::path> directories;  ///< also for sockets that come up in them later
  std::set<std::filesystem::path> sockets;      ///< that are there now, among files it may need
};

/// All sockets that were bound here or are found where sockets are put, but those of databases, X11
/// and the journal. Call in the network namespace of the host.
[[nodiscard]] std::expected<Hidden, Failure> what_to_hide();

/// Of /proc/net/unix, those with a path.
[[nodiscard]] std::vector<std::string> bound_paths(const std::string& table);

/// Where that is without links of any kind; nothing if it isn't there, or out of reach.
[[nodiscard]] std::optional<std::filesystem::path> without_links(const std::filesystem::path& path);

}  // namespace nxgate::sandbox
