#include "sys/file_watch.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <glob.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/descriptor.h"
#include "sys/file.h"

namespace nxgate::sys {
namespace {

constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO |
                                  IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;

/// Of `changed` at a time, 4 kB each; a queue of Linux's usual length is empty after a few times.
constexpr int kMostReads = 32;

/// As many as Linux itself follows.
constexpr int kMostLinks = 40;

/// The paths that a pattern stands for now, in order; none if nothing matches.
std::vector<std::string> expand(const std::string& pattern) {
  glob_t matches{};
  std::vector<std::string> paths;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): it reads the environment, which nobody here changes.
  if (::glob(pattern.c_str(), 0, nullptr, &matches) == 0) {
    paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  }
  ::globfree(&matches);
  return paths;
}

}  // namespace

bool FileWatch::Seen::operator==(const Seen& other) const noexcept {
  return path == other.path && device == other.device && inode == other.inode &&
         size == other.size && modified.tv_sec == other.modified.tv_sec &&
         modified.tv_nsec == other.modified.tv_nsec;
}

void FileWatch::open() {
  inotify_ = Descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  refused_ = inotify_ ? std::error_code() : std::error_code(errno, std::generic_category());
}

std::string FileWatch::fault() const {
  const std::string users = fmt::format("programs of user {} use all of them", ::geteuid());
  if (refused_ == std::errc::too_many_files_open) {
    return fmt::format("no inotify instances are left: {}; see fs.inotify.max_user_instances",
                       users);
  }
  if (refused_) return refused_.message();
  if (!short_of_watches_) return {};
  return fmt::format("no inotify watches are left: {}; see fs.inotify.max_user_watches", users);
}

void FileWatch::watch(std::vector<std::string> patterns) {
  patterns_ = std::move(patterns);
  last_ = look();
}

bool FileWatch::changed() {
  alignas(inotify_event) std::array<std::byte, 4096> events;
  // Somebody may write on and on.
  for (int reads = 0; reads < kMostReads; ++reads) {
    if (::read(inotify_.get(), events.data(), events.size()) <= 0) break;
  }
  std::vector<Seen> now = look();
  std::swap(now, last_);
  return now != last_;
}

/// Looks at all files, and watches what led to them; watching a place twice is one watch.
std::vector<FileWatch::Seen> FileWatch::look() {
  if (!inotify_) open();
  short_of_watches_ = false;
  replaced_mounts_.clear();
  std::vector<Seen> seen;
  for (const std::string& pattern : patterns_) {
    add_way(pattern);
    for (const std::string& path : expand(pattern)) {
      // The file itself too: a bind mount changes without an event in our directory.
      add(path);
      add_way(path);
      struct stat status{};
      if (::stat(path.c_str(), &status) != 0) continue;
      if (S_ISREG(status.st_mode) && status.st_nlink == 0) replaced_mounts_.push_back(path);
      seen.push_back({path, status.st_dev, status.st_ino, status.st_size, status.st_mtim});
    }
  }
  return seen;
}

/// Watches the directories that `path` and each symlink on the way to it lie in: swapping any of
/// them makes it another file.
void FileWatch::add_way(const std::string& path) {
  std::filesystem::path way = path;
  for (int links = 0; links < kMostLinks; ++links) {
    std::filesystem::path at;
    std::filesystem::path target;
    auto part = way.begin();
    for (std::error_code no_link; part != way.end(); ++part) {
      target = std::filesystem::read_symlink(at / *part, no_link);
      if (!no_link) break;
      at /= *part;
    }
    if (part == way.end()) break;
    add(at.empty() ? "." : at.string());
    std::filesystem::path next = at / target;
    for (++part; part != way.end(); ++part) next /= *part;
    way = std::move(next);
  }
  // Its creation is an event there.
  add(nearest_directory(std::filesystem::path(way).parent_path()));
}

/// What can't be watched (missing, no permission) is still seen by its directory.
void FileWatch::add(const std::string& path) {
  if (!inotify_) return;
  const int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), kEvents);
  if (watch < 0 && errno == ENOSPC) short_of_watches_ = true;
}

}  // namespace nxgate::sys
