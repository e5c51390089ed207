// A process in /proc, as far as containers and their engine are concerned.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace nxgate::docker {

/// The content of /proc/PID/NAME; empty when the process is gone or hidden from us.
[[nodiscard]] std::string process_file(pid_t pid, std::string_view name);

/// The last 64 hexadecimal digits in a row in the text of /proc/PID/cgroup: `.../docker/ID` or
/// `.../docker-ID.scope`, whichever driver and version of cgroups. None for a step of a build,
/// `.../buildkit/STEP`, also where the engine itself runs in a container.
[[nodiscard]] std::optional<std::string> container_of_cgroup(std::string_view cgroup);

/// The value of `--exec-root` on a dockerd's command line, whose arguments end with NUL;
/// /var/run/docker if it has none.
[[nodiscard]] std::string exec_root(std::string_view command_line);

/// `path` as a process sees it whose root directory is `root`: symlinks are followed there, for
/// seen from here an absolute one would lead out of it. What doesn't exist is taken as it is.
[[nodiscard]] std::string path_within(const std::string& root, const std::string& path);

}  // namespace nxgate::docker
