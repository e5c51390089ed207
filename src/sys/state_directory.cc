#include "sys/state_directory.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/file.h"

namespace nxgate::sys {
namespace {

constexpr std::string_view kLock = ".lock";  // no policy has a folder of this name
constexpr std::string_view kStaged = ".new";
constexpr int kAsDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
/// Not blocking, since opening a pipe would wait for its writer.
constexpr int kReadingHere = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
constexpr Milliseconds kLockTime{3000};
constexpr Milliseconds kPause{50};

std::unexpected<Error> state_failure() {
  if (errno == ELOOP) return fail("a symbolic link, which nxgate doesn't follow here");
  return fail(std::generic_category().message(errno));
}

/// The directory in which the last part of a name stands, and that part.
struct Place {
  Descriptor directory;
  std::string name;
  uid_t owner = 0;  ///< of the state directory
};

enum class Missing : bool { kFault, kMake };

bool is_link(int directory, const std::string& name) {
  struct stat status{};
  const bool there = ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!there || !S_ISLNK(status.st_mode)) errno = ENOTDIR;
  return there && S_ISLNK(status.st_mode);
}

/// One step at a time, so that each is checked; openat2(2) would do it in one, where the kernel and
/// its filters have it. errno is of the step that failed.
std::optional<Place> find(const std::string& path, std::string_view name, Missing missing) {
  Place place{.directory = Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
              .name = {}};
  struct stat status{};
  if (!place.directory || ::fstat(place.directory.get(), &status) != 0) return std::nullopt;
  place.owner = status.st_uid;
  for (auto slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/')) {
    const std::string step(name.substr(0, slash));
    name.remove_prefix(slash + 1);
    const int at = place.directory.get();
    if (missing == Missing::kMake && ::mkdirat(at, step.c_str(), 0755) != 0 && errno != EEXIST) {
      return std::nullopt;
    }
    Descriptor next(::openat(at, step.c_str(), kAsDirectory));
    if (!next) {
      if (errno == ENOTDIR && is_link(at, step)) errno = ELOOP;
      return std::nullopt;
    }
    place.directory = std::move(next);
  }
  place.name = name;
  return place;
}

/// Whether the file is one that the owner of the directory could have written.
Result<void> check(const Descriptor& file, const Place& place) {
  struct stat status{};
  struct stat around{};
  if (::fstat(file.get(), &status) != 0 || ::fstat(place.directory.get(), &around) != 0) {
    return state_failure();
  }
  if (!S_ISREG(status.st_mode)) return fail("not a regular file");
  if (status.st_nlink != 1) return fail("a file with more than one name (hard links)");
  const uid_t owner = status.st_uid;
  if (owner == 0 || owner == place.owner || owner == around.st_uid) return {};
  return fail(fmt::format("it belongs to user {}, but the directory belongs to user {}", owner,
                          place.owner));
}

Result<void> write_out(const Descriptor& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return state_failure();
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.get()) != 0) return state_failure();
  return {};
}

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

/// Gives what stands in a directory, and in those in it, from one user to another.
void give_content(int directory, uid_t from, uid_t to, gid_t group, int depth) {
  constexpr int kDeepest = 4;  // POLICY/allow.d/saved.list
  Descriptor again(::openat(directory, ".", kAsDirectory));
  const std::unique_ptr<DIR, CloseDirectory> entries(again ? ::fdopendir(again.get()) : nullptr);
  if (!entries) return;
  (void)again.release();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own
  while (const dirent* const entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    const Descriptor found(::openat(directory, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!found || ::fstat(found.get(), &status) != 0 || status.st_uid != from) continue;
    const bool folder = S_ISDIR(status.st_mode);
    if (!folder && (!S_ISREG(status.st_mode) || status.st_nlink != 1)) continue;
    (void)::fchownat(found.get(), "", to, group, AT_EMPTY_PATH);
    const Descriptor inside(folder ? ::openat(directory, entry->d_name, kAsDirectory) : -1);
    if (inside && depth < kDeepest) give_content(inside.get(), from, to, group, depth + 1);
  }
}

/// Who wrote its number into the lock.
std::string holder(const Descriptor& lock) {
  std::string text(32, '\0');
  const ssize_t size = ::pread(lock.get(), text.data(), text.size(), 0);
  pid_t pid = 0;
  const char* const last = text.data() + std::max<ssize_t>(size, 0);
  if (std::from_chars(text.data(), last, pid).ec != std::errc{}) return "another nxgate";
  return fmt::format("another nxgate (pid {})", pid);
}

}  // namespace

StateDirectory::Staged::~Staged() {
  if (!name_.empty()) (void)::unlinkat(directory_.get(), (name_ + std::string(kStaged)).c_str(), 0);
}

Result<void> StateDirectory::Staged::commit() {
  const int at = directory_.get();
  if (::renameat(at, (name_ + std::string(kStaged)).c_str(), at, name_.c_str()) != 0) {
    return state_failure();
  }
  name_.clear();
  (void)::fsync(at);
  return {};
}

Result<std::optional<std::string>> StateDirectory::read(std::string_view name,
                                                        std::size_t largest) const {
  const auto place = find(path_, name, Missing::kFault);
  const Descriptor file(place ? ::openat(place->directory.get(), place->name.c_str(), kReadingHere)
                              : -1);
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) return state_failure();
  if (auto good = check(file, *place); !good) return std::unexpected(good.error());
  auto text = read_all(file, largest);
  if (!text) return std::unexpected(text.error());
  return *std::move(text);
}

Result<StateDirectory::Staged> StateDirectory::stage(std::string_view name,
                                                     std::string_view text) const {
  auto place = find(path_, name, Missing::kMake);
  if (!place) return state_failure();
  const std::string beside = place->name + std::string(kStaged);
  const int at = place->directory.get();
  // What is left of one that was interrupted.
  if (::unlinkat(at, beside.c_str(), 0) != 0 && errno != ENOENT) return state_failure();
  const Descriptor file(
      ::openat(at, beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file) return state_failure();
  Staged staged(std::move(place->directory), std::move(place->name));
  if (auto written = write_out(file, text); !written) return std::unexpected(written.error());
  return staged;
}

Result<void> StateDirectory::replace(std::string_view name, std::string_view text) const {
  auto staged = stage(name, text);
  if (!staged) return std::unexpected(staged.error());
  return staged->commit();
}

Result<void> StateDirectory::give_to(uid_t user, gid_t group) const {
  const Descriptor directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status{};
  if (!directory || ::fstat(directory.get(), &status) != 0) return state_failure();
  const uid_t from = status.st_uid;
  if (::fchown(directory.get(), user, group) != 0) return state_failure();
  if (from != user) give_content(directory.get(), from, user, group, 1);
  return {};
}

Result<std::optional<Descriptor>> StateDirectory::lock() const {
  const auto place = find(path_, kLock, Missing::kFault);
  if (!place) return state_failure();
  Descriptor file(::openat(place->directory.get(), place->name.c_str(),
                           O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644));
  const bool unwritable = errno == EACCES || errno == EROFS || errno == ENOSPC || errno == EDQUOT;
  if (!file && unwritable) return std::nullopt;
  if (!file) return state_failure();
  if (auto good = check(file, *place); !good) return std::unexpected(good.error());
  const Instant end = Clock::now() + kLockTime;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return state_failure();
    if (Clock::now() > end) return fail("in use by " + holder(file));
    std::this_thread::sleep_for(kPause);
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // On a full disk nobody is named, but the lock holds.
    (void)::ftruncate(file.get(), 0);
  }
  if (::geteuid() == 0) (void)::fchown(file.get(), place->owner, static_cast<gid_t>(-1));
  return file;
}

}  // namespace nxgate::sys
