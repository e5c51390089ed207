#include "docker/engine_process.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "containers/process.h"
#include "sys/descriptor.h"

namespace nxgate::docker {
namespace {

constexpr std::string_view kExecRoot = "--exec-root";
constexpr std::string_view kDefaultExecRoot = "/var/run/docker";
/// Set for what RootlessKit runs, which is how a dockerd knows that it is rootless.
constexpr std::string_view kRootless = "ROOTLESSKIT_STATE_DIR=";
constexpr std::string_view kRuntimeDirectory = "XDG_RUNTIME_DIR=";
/// As many as Linux itself follows.
constexpr int kMostLinks = 40;

/// The texts of a command line or an environment, each of which ends with NUL.
std::vector<std::string_view> texts_of(std::string_view all) {
  std::vector<std::string_view> found;
  while (!all.empty()) {
    const std::string_view text = all.substr(0, all.find('\0'));
    found.push_back(text);
    all.remove_prefix(std::min(text.size() + 1, all.size()));
  }
  return found;
}

std::string default_exec_root(std::string_view environment) {
  std::string_view state;
  std::string_view runtime;
  for (const std::string_view variable : texts_of(environment)) {
    if (variable.starts_with(kRootless)) state = variable.substr(kRootless.size());
    if (variable.starts_with(kRuntimeDirectory))
      runtime = variable.substr(kRuntimeDirectory.size());
  }
  if (state.empty() || runtime.empty()) return std::string(kDefaultExecRoot);
  return std::string(runtime) + "/docker";
}

bool has_own_mounts(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::error_code hidden;
  const auto theirs = std::filesystem::read_symlink(process + "/ns/mnt", hidden);
  if (hidden) return false;
  const auto ours = std::filesystem::read_symlink("/proc/self/ns/mnt", hidden);
  return !hidden && ours != theirs;
}

}  // namespace

pid_t engine_process(const std::string& socket) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (socket.empty() || socket.size() >= sizeof(address.sun_path)) return 0;
  std::memcpy(address.sun_path, socket.data(), socket.size());
  const sys::Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (!connection || ::connect(connection.get(), generic, sizeof(address)) != 0) return 0;
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
  return peer.pid;
}

std::string exec_root(std::string_view command_line, std::string_view environment) {
  const std::vector<std::string_view> all = texts_of(command_line);
  for (std::size_t at = 0; at < all.size(); ++at) {
    const std::string_view argument = all[at];
    if (argument == kExecRoot && at + 1 < all.size()) return std::string(all[at + 1]);
    if (!argument.starts_with(kExecRoot)) continue;
    const std::string_view rest = argument.substr(kExecRoot.size());
    if (rest.starts_with('=')) return std::string(rest.substr(1));
  }
  return default_exec_root(environment);
}

std::string path_within(const std::string& root, const std::string& path) {
  std::filesystem::path rest = std::filesystem::path(path).relative_path();
  std::filesystem::path at;  // below the root, without links
  int links = 0;
  while (!rest.empty()) {
    const std::filesystem::path part = *rest.begin();
    const std::filesystem::path behind = rest.lexically_relative(part);
    rest = behind == "." ? std::filesystem::path() : behind;
    if (part == "..") {
      at = at.parent_path();
      continue;
    }
    std::error_code no_link;
    const auto target = std::filesystem::read_symlink(root / at / part, no_link);
    if (no_link || ++links > kMostLinks) {
      at /= part;
      continue;
    }
    if (target.is_absolute()) at.clear();
    rest = target.relative_path() / rest;
  }
  return root / at;
}

std::string netns_directory(const std::string& socket) {
  const pid_t pid = engine_process(socket);
  const bool is_engine = pid > 0 && containers::process_file(pid, "comm") == "dockerd\n";
  if (!is_engine) return std::string(kDefaultExecRoot) + "/netns";
  const std::string directory = exec_root(containers::process_file(pid, "cmdline"),
                                          containers::process_file(pid, "environ")) +
                                "/netns";
  if (!has_own_mounts(pid)) return directory;
  return path_within("/proc/" + std::to_string(pid) + "/root", directory);
}

}  // namespace nxgate::docker
