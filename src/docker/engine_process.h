// The engine's own process, and where it keeps the namespaces of its containers.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

namespace nxgate::docker {

/// The process behind the engine's socket: the engine, or systemd where that listens for it; 0 if
/// it can't be seen from here.
[[nodiscard]] pid_t engine_process(const std::string& socket);

/// The directory in which the engine mounts the namespaces of its containers, as seen from here:
/// `exec_root` of the process behind the socket, if that is a dockerd, in front of `/netns`,
/// below /proc/PID/root when dockerd has a mount namespace of its own; /var/run/docker/netns else.
[[nodiscard]] std::string netns_directory(const std::string& socket);

/// The value of `--exec-root` on a dockerd's command line, whose arguments end with NUL, as the
/// variables of its environment do. If it has none: XDG_RUNTIME_DIR/docker of a rootless engine,
/// /var/run/docker else.
[[nodiscard]] std::string exec_root(std::string_view command_line, std::string_view environment);

/// `path` as a process sees it whose root directory is `root`: symlinks are followed there, for
/// seen from here an absolute one would lead out of it. What doesn't exist is taken as it is.
[[nodiscard]] std::string path_within(const std::string& root, const std::string& path);

}  // namespace nxgate::docker
