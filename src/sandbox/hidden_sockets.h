// Sockets by which a program would get names or power past its sandbox, where they are.
#pragma once

#include <filesystem>
#include <optional>
#include <set>

namespace nxgate::sandbox {

/// Directories of sockets, also of those that come up in them later.
[[nodiscard]] std::set<std::filesystem::path> directories_to_hide();

/// Sockets that are there now, among files that the program may need.
[[nodiscard]] std::set<std::filesystem::path> sockets_to_hide();

/// Where that is without links of any kind; nothing if it isn't there, or out of reach.
[[nodiscard]] std::optional<std::filesystem::path> without_links(const std::filesystem::path& path);

}  // namespace nxgate::sandbox
