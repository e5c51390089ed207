// Detecting that files changed.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <system_error>
#include <vector>

#include "base/clock.h"
#include "sys/descriptor.h"

namespace nxgate::sys {

/// Watches files and glob patterns, and the directories they lie in.
///
/// inotify only says when to look; what counts is whether the files are other ones than at the last
/// look (inode, size, time of change, links followed). So an editor that replaces the file by a
/// rename, a ConfigMap that swaps a symlink, and a file that appears or disappears are all
/// detected, and other changes in the same directory are ignored. One thread.
///
/// Use: wait until `descriptor` is readable, wait for kSettle more so that a burst of writes counts
/// once, call `changed`, and begin again. While there is a `fault`, changes may not be signalled:
/// call `changed` from time to time, which also retries the missing watches.
class FileWatch {
 public:
  static constexpr Milliseconds kSettle{200};

  /// Linux counts what inotify gives to a user, with all its processes in whatever container, to
  /// the one who we are here. Nothing of it may be left, which `fault` tells.
  FileWatch() { open(); }

  /// Watches these from now on, instead of those before; relative paths are taken as they are.
  void watch(std::vector<std::string> patterns);

  /// Readable when it is time to look; -1 without inotify. Stays ours.
  [[nodiscard]] int descriptor() const noexcept { return inotify_.get(); }

  /// Takes events off the descriptor, so many at most that it ends while others write on, and says
  /// whether anything watched is different from the last look.
  [[nodiscard]] bool changed();

  /// Why changes aren't signalled, and what to do; empty if they are.
  [[nodiscard]] std::string fault() const;

  /// Files that have no name any more, as of the last look. Such a file is still here because it is
  /// mounted by itself: in its place elsewhere, on the host of a container, is another one now,
  /// whose contents never come here. One that has a second name there isn't noticed.
  [[nodiscard]] const std::vector<std::string>& replaced_mounts() const noexcept {
    return replaced_mounts_;
  }

 private:
  struct Seen {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    timespec modified{};

    bool operator==(const Seen& other) const noexcept;
  };

  [[nodiscard]] std::vector<Seen> look();
  void add(const std::string& path);
  void add_way(const std::string& path);

  void open();

  Descriptor inotify_;
  std::error_code refused_;        ///< why there is no inotify
  bool short_of_watches_ = false;  ///< of the last look
  std::vector<std::string> replaced_mounts_;
  std::vector<std::string> patterns_;
  std::vector<Seen> last_;
};

}  // namespace nxgate::sys
