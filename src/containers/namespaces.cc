#include "containers/namespaces.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "containers/container.h"
#include "sys/netns.h"

namespace nxgate::containers {
namespace {

/// The beginning of the sandbox's id; Swarm's have names of another kind.
constexpr std::size_t kSandboxName = 12;

}  // namespace

std::vector<sys::NetnsRef> namespaces_in(const std::string& directory) {
  std::vector<sys::NetnsRef> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), none; !error && entry != none;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    const bool of_container = name.size() == kSandboxName &&
                              name.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (of_container) found.emplace_back(entry->path());
  }
  return found;
}

sys::NetnsRef netns_of(const Container& container, const std::string& directory) {
  const std::string name = std::filesystem::path(container.sandbox).filename();
  if (!name.empty() && !directory.empty()) {
    sys::NetnsRef file(directory + "/" + name);
    if (file.identity()) return file;
  }
  return sys::NetnsRef::of_pid(container.pid);
}

}  // namespace nxgate::containers
