#include "sandbox/hidden_sockets.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/step.h"
#include "sys/file.h"
#include "sys/privileges.h"

namespace nxgate::sandbox {

namespace fs = std::filesystem;

namespace {

/// Directories of sockets, and of what comes up in them later.
constexpr auto kDirectories = std::to_array<std::string_view>(
    {"/dev/mqueue", "/run/avahi-daemon", "/run/buildkit", "/run/containerd", "/run/crio",
     "/run/dbus", "/run/incus", "/run/libvirt", "/run/lxd", "/run/nscd", "/run/nxgate",
     "/run/podman", "/run/screen", "/run/systemd/resolve", "/var/lib/incus", "/var/lib/lxd",
     "/var/run/dbus", "/var/run/nscd"});
constexpr auto kDirectoriesAtHome = std::to_array<std::string_view>(
    {".docker/desktop", ".docker/run", ".emacs.d/server", ".screen", ".ssh/agent"});
/// Of which, and of the directories in which, each socket is hidden that is there now.
constexpr auto kPlaces =
    std::to_array<std::string_view>({"/run", "/run/systemd", "/tmp", "/var/run"});
/// What programs use without getting names or power by it.
constexpr auto kLeft =
    std::to_array<std::string_view>({"/tmp/.X11-unix/", "/run/systemd/journal/", "/run/postgresql/",
                                     "/run/mysqld/", "/run/redis/", "/run/memcached/"});
constexpr std::size_t kLargestTable = 16UL << 20;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? "" : value;
}

/// The user's, by name and by the environment, which may differ.
std::set<fs::path> homes() {
  std::set<fs::path> all{variable("HOME"), sys::home_of(::geteuid())};
  std::erase_if(all, [](const fs::path& each) { return !each.is_absolute(); });
  return all;
}

/// Whether the program has its files in it.
bool is_needed(const fs::path& directory) {
  const auto found = without_links(directory);
  if (!found || *found == "/tmp") return true;
  std::error_code error;
  for (const fs::path& inside : {fs::current_path(error), fs::path(variable("HOME"))}) {
    const fs::path way = inside.lexically_relative(*found);
    if (!way.empty() && *way.begin() != "..") return true;
  }
  return false;
}

/// The user's own: everything that sessions put there, now or later.
std::vector<fs::path> directories_of_user() {
  const auto user = ::geteuid();
  const std::string multiplexer = fmt::format("tmux-{}", user);
  std::vector<fs::path> all{fmt::format("/run/user/{}", user), "/tmp/" + multiplexer,
                            fmt::format("/tmp/emacs{}", user)};
  for (const fs::path& home : homes()) {
    for (const std::string_view each : kDirectoriesAtHome) all.push_back(home / each);
  }
  if (const std::string runtime = variable("XDG_RUNTIME_DIR"); !is_needed(runtime)) {
    all.emplace_back(runtime);
  }
  if (const std::string other = variable("TMUX_TMPDIR"); !other.empty()) {
    all.push_back(fs::path(other) / multiplexer);
  }
  std::error_code error;
  for (fs::directory_iterator at("/tmp", error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().starts_with("ssh-")) all.push_back(at->path());
  }
  return all;
}

/// A path in `unix:path=P` or `unix:///P`, as buses and engines are named; empty if it is none.
std::string_view socket_in(std::string_view address) {
  for (const std::string_view before : {"unix:path=", "unix://"}) {
    if (!address.starts_with(before)) continue;
    address.remove_prefix(before.size());
    return address.substr(0, address.find_first_of(",;"));
  }
  return address.starts_with('/') ? address : std::string_view();
}

/// The first directory on the way to `path` that its owner, who we are, keeps himself out of: he
/// can let himself in again.
std::optional<fs::path> locked_by_us(const fs::path& path) {
  if (::access(path.c_str(), F_OK) == 0 || errno != EACCES) return std::nullopt;
  fs::path way;
  for (const fs::path& step : path.parent_path()) {
    way /= step;
    if (::access(way.c_str(), X_OK) == 0) continue;
    struct stat status{};
    const bool ours = errno == EACCES && ::stat(way.c_str(), &status) == 0 &&
                      S_ISDIR(status.st_mode) && status.st_uid == ::geteuid();
    return ours ? without_links(way) : std::nullopt;
  }
  return std::nullopt;
}

std::set<fs::path> directories_to_hide(const std::vector<std::string>& bound) {
  std::set<fs::path> all;
  const auto add = [&all](const fs::path& path) {
    std::error_code error;
    const auto found = without_links(path);
    // One whose owner keeps others out needs no cover, and can't be covered by them.
    if (found && fs::is_directory(*found, error)) all.insert(*found);
  };
  for (const std::string_view path : kDirectories) add(path);
  for (const fs::path& path : directories_of_user()) {
    add(path);
    if (const auto locked = locked_by_us(path)) all.insert(*locked);
  }
  for (const std::string& path : bound) {
    if (const auto locked = locked_by_us(path)) all.insert(*locked);
  }
  return all;
}

/// Where sockets are looked for by themselves: one may have been linked, renamed or moved since it
/// was bound, or be bound by a name that isn't whole, or in another network namespace.
std::set<fs::path> places_of(const std::vector<std::string>& bound) {
  std::error_code error;
  std::set<fs::path> all{"/tmp", "/var/tmp", "/dev/shm", fs::current_path(error)};
  const auto add_below = [&all](const fs::path& place) {
    std::error_code unread;
    for (fs::directory_iterator at(place, unread), end; !unread && at != end;
         at.increment(unread)) {
      std::error_code unknown;  // of a link that leads nowhere
      if (at->is_directory(unknown) && !at->is_symlink(unknown)) all.insert(at->path());
    }
    all.insert(place);
  };
  for (const std::string_view place : kPlaces) add_below(place);
  for (const fs::path& home : homes()) {
    add_below(home);
    add_below(home / ".ssh");
  }
  for (const std::string& path : bound) all.insert(fs::path(path).parent_path());
  return all;
}

std::set<fs::path> sockets_to_hide(const std::vector<std::string>& bound) {
  std::set<fs::path> all;
  const auto add = [&all](const fs::path& path) {
    std::error_code error;
    const auto found = without_links(path);
    if (found && fs::is_socket(*found, error)) all.insert(*found);
  };
  for (const std::string& path : bound) add(path);
  const auto add_all = [&add](const fs::path& place) {
    std::error_code error;
    for (fs::directory_iterator at(place, error), end; !error && at != end; at.increment(error)) {
      std::error_code unknown;
      if (at->is_socket(unknown)) add(at->path());
    }
  };
  for (const fs::path& place : places_of(bound)) add_all(place);
  for (const char* const name : {"DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS",
                                 "DOCKER_HOST", "CONTAINER_HOST", "SSH_AUTH_SOCK", "TMUX"}) {
    add(socket_in(variable(name)));
  }
  std::erase_if(all, [](const fs::path& path) {
    return std::ranges::any_of(
        kLeft, [&](std::string_view left) { return path.string().starts_with(left); });
  });
  return all;
}

}  // namespace

std::optional<fs::path> without_links(const fs::path& path) {
  std::error_code error;
  fs::path found = fs::canonical(path, error);
  return error ? std::nullopt : std::optional(std::move(found));
}

std::vector<std::string> bound_paths(const std::string& table) {
  std::vector<std::string> paths;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    // The eighth field; a path may have spaces, and an abstract name begins with `@`.
    const auto at = line.find(" /");
    if (at != std::string::npos) paths.push_back(line.substr(at + 1));
  }
  return paths;
}

std::expected<Hidden, Failure> what_to_hide() {
  const auto table = sys::read_file("/proc/net/unix", kLargestTable);
  if (!table) return failed("read which sockets there are");
  const std::vector<std::string> bound = bound_paths(*table);
  return Hidden{directories_to_hide(bound), sockets_to_hide(bound)};
}

}  // namespace nxgate::sandbox
