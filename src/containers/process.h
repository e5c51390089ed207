// A process in /proc, as far as containers and their engine are concerned.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace nxgate::containers {

/// In the path of a build step's cgroup, below the engine's own, whatever its driver.
inline constexpr std::string_view kBuildCgroup = "/buildkit/";

/// The content of /proc/PID/NAME; empty when the process is gone or hidden from us.
[[nodiscard]] std::string process_file(pid_t pid, std::string_view name);

/// The content of /proc/PID/cgroup; once the first thread has ended, that of another: an ended one
/// is in no cgroup of version 1.
[[nodiscard]] std::string cgroup_of_process(pid_t pid);

/// The last 64 hexadecimal digits in a row in the text of /proc/PID/cgroup: `.../docker/ID` or
/// `.../docker-ID.scope`, whichever driver and version of cgroups. None for a step of a build,
/// `.../buildkit/STEP`, also where the engine itself runs in a container.
[[nodiscard]] std::optional<std::string> container_of_cgroup(std::string_view cgroup);

}  // namespace nxgate::containers
