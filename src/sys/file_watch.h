// Noticing that files changed.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::sys {

/// Watches files and glob patterns, and the directories they lie in.
///
/// inotify only says when to look; what counts is whether the files are other ones than at the last
/// look (inode, size, time of change, links followed). So an editor that replaces the file by a
/// rename, a ConfigMap that swaps a symlink, a file that appears or goes away are all noticed, and
/// other traffic in the same directory is not. One thread.
///
/// Use: wait until `descriptor` is readable, wait for kSettle more so that a burst of writes counts
/// once, call `changed`, and begin again.
class FileWatch {
 public:
  static constexpr Milliseconds kSettle{200};

  [[nodiscard]] static Result<FileWatch> create();

  /// Watches these from now on, instead of those before; relative paths are taken as they are.
  void watch(std::vector<std::string> patterns);

  /// Readable when it is time to look. Stays ours.
  [[nodiscard]] int descriptor() const noexcept { return inotify_.get(); }

  /// Takes events off the descriptor, so many at most that it ends while others write on, and says
  /// whether anything watched is different from the last look.
  [[nodiscard]] bool changed();

 private:
  struct Seen {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    timespec modified{};

    bool operator==(const Seen& other) const noexcept;
  };

  explicit FileWatch(Descriptor inotify) : inotify_(std::move(inotify)) {}

  [[nodiscard]] std::vector<Seen> look();
  void add(const std::string& path);
  void add_way(const std::string& path);

  Descriptor inotify_;
  std::vector<std::string> patterns_;
  std::vector<Seen> last_;
};

}  // namespace nxgate::sys
