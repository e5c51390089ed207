#include "containers/cgroup.h"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/types.h>

#include "containers/process.h"
#include "sys/file.h"

namespace nxgate::containers {

namespace fs = std::filesystem;

namespace {

/// Only whether it is empty matters.
constexpr std::size_t kLargestFile = 1UL << 20;
/// Below the container's own; whoever may make them may make many.
constexpr int kMostBelow = 10'000;

/// Where the hierarchy of a line is mounted: `0::/path` is of version 2.
std::string mount_of(std::string_view controllers, const std::string& root) {
  constexpr std::string_view kNamed = "name=";
  if (controllers.starts_with(kNamed)) controllers.remove_prefix(kNamed.size());
  if (!controllers.empty()) return root + "/" + std::string(controllers);
  std::error_code error;
  return fs::exists(root + "/cgroup.controllers", error) ? root : root + "/unified";
}

struct Place {
  std::string mount;
  std::string directory;
};

/// Of one line, where the container's whole cgroup is, not one that a process has made below it.
Place place_in(std::string_view line, const std::string& container, const std::string& root) {
  const std::size_t first = line.find(':');
  const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
  if (second == std::string_view::npos) return {};
  const std::string_view path = line.substr(second + 1);
  const std::size_t id = path.find(container);
  if (id == std::string_view::npos) return {};
  const std::string_view whole = path.substr(0, path.find('/', id));
  std::string mount = mount_of(line.substr(first + 1, second - first - 1), root);
  return {mount, mount + std::string(whole)};
}

/// Whether a file says something; nothing if it can't be read.
std::optional<std::string> content(const fs::path& file) {
  auto text = sys::read_file(file, kLargestFile);
  if (!text) return std::nullopt;
  return *std::move(text);
}

}  // namespace

std::optional<Cgroup> Cgroup::of(pid_t pid, const std::string& container, const std::string& root) {
  return in(cgroup_of_process(pid), container, root);
}

std::optional<Cgroup> Cgroup::in(std::string_view text, const std::string& container,
                                 const std::string& root) {
  for (const auto& part : text | std::views::split('\n')) {
    const Place place = place_in(std::string_view(part), container, root);
    std::error_code error;
    if (!place.directory.empty() && fs::is_directory(place.directory, error)) {
      return Cgroup(place.mount, place.directory);
    }
  }
  return std::nullopt;
}

/// Version 2 counts what is below; version 1 lists the threads of each alone.
Cgroup::State Cgroup::state() const {
  std::error_code error;
  if (!fs::exists(directory_, error)) {
    const bool mounted = !error && fs::exists(mount_ + "/cgroup.procs", error);
    return mounted ? State::kEmpty : State::kUnknown;
  }
  if (const auto events = content(directory_ + "/cgroup.events")) {
    return events->contains("populated 0") ? State::kEmpty : State::kPopulated;
  }
  const auto is_empty = [](const fs::path& directory) {
    const auto tasks = content(directory / "tasks");
    std::error_code gone;
    return tasks ? tasks->empty() : !fs::exists(directory, gone) && !gone;
  };
  if (!is_empty(directory_)) return State::kPopulated;
  int below = 0;
  for (fs::recursive_directory_iterator at(directory_, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    if (!at->is_directory(gone)) continue;
    if (++below > kMostBelow) return State::kUnknown;
    if (!is_empty(*at)) return State::kPopulated;
  }
  return error && fs::exists(directory_, error) ? State::kUnknown : State::kEmpty;
}

}  // namespace nxgate::containers
