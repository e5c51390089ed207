#include "containers/process.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/types.h>

#include "containers/container.h"
#include "sys/file.h"
#include "sys/process.h"

namespace nxgate::containers {
namespace {

constexpr std::size_t kLargestProcessFile = 1UL << 20;

bool is_hexadecimal(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
}

}  // namespace

std::string process_file(pid_t pid, std::string_view name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + std::string(name);
  return sys::read_file(path, kLargestProcessFile).value_or("");
}

std::string cgroup_of_process(pid_t pid) {
  std::string cgroup = process_file(pid, "cgroup");
  if (container_of_cgroup(cgroup) || !sys::has_lost_first_thread(pid)) return cgroup;
  std::error_code error;
  for (std::filesystem::directory_iterator thread("/proc/" + std::to_string(pid) + "/task", error),
       none;
       !error && thread != none; thread.increment(error)) {
    std::string theirs =
        process_file(pid, "task/" + thread->path().filename().string() + "/cgroup");
    if (container_of_cgroup(theirs)) return theirs;
  }
  return cgroup;
}

std::optional<std::string> container_of_cgroup(std::string_view cgroup) {
  // In front of it there may be the container in which the engine itself runs.
  if (const auto step = cgroup.rfind(kBuildCgroup); step != std::string_view::npos) {
    cgroup.remove_prefix(step + kBuildCgroup.size());
  }
  auto end = cgroup.rbegin();
  while (end != cgroup.rend()) {
    const auto from = std::find_if(end, cgroup.rend(), is_hexadecimal);
    const auto to = std::find_if_not(from, cgroup.rend(), is_hexadecimal);
    if (static_cast<std::size_t>(to - from) == kIdLength)
      return std::string(to.base(), from.base());
    end = to;
  }
  return std::nullopt;
}

}  // namespace nxgate::containers
