// The cgroup of a container: whether anything still runs in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

namespace nxgate::containers {

/// Tells, at one moment and for all of its processes and threads, what a search through /proc can
/// miss: they come and go while it looks.
class Cgroup {
 public:
  enum class State : std::uint8_t {
    kEmpty = 0,  ///< or removed, which takes an empty one
    kPopulated,
    kUnknown,
  };

  /// That of the container, by a process of it. Nothing if there is none whose directory is visible
  /// here, as below `root`, where the cgroup file systems are.
  [[nodiscard]] static std::optional<Cgroup> of(pid_t pid, const std::string& container,
                                                const std::string& root = "/sys/fs/cgroup");
  /// The same by the text of /proc/PID/cgroup.
  [[nodiscard]] static std::optional<Cgroup> in(std::string_view text, const std::string& container,
                                                const std::string& root);

  /// With all cgroups below it. A few files.
  [[nodiscard]] State state() const;

 private:
  Cgroup(std::string mount, std::string directory)
      : mount_(std::move(mount)), directory_(std::move(directory)) {}

  std::string mount_;
  std::string directory_;
};

}  // namespace nxgate::containers
