#include "sys/netns.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/log.h"
#include "sys/broker.h"
#include "sys/descriptor.h"

namespace nxgate::sys {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPidPrefix = "pid:";
/// nsfs files share a few devices but have 32-bit inode numbers, so both fit in one token.
constexpr unsigned kDeviceShift = 48;

std::string reason(int error) { return std::generic_category().message(error); }

/// Opens the namespace that a file is. Only looks at first: to open a device does something.
Descriptor open_namespace(const std::string& file) {
  const Descriptor found(::open(file.c_str(), O_PATH | O_CLOEXEC));
  if (!found) return {};
  struct statfs filesystem{};
  if (::fstatfs(found.get(), &filesystem) == 0 && filesystem.f_type == NSFS_MAGIC) {
    const std::string again = fmt::format("/proc/self/fd/{}", found.get());
    Descriptor opened(::open(again.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened || ::ioctl(opened.get(), NS_GET_NSTYPE) == CLONE_NEWNET) return opened;
  }
  errno = EINVAL;
  return {};
}

/// That of a living thread of the process `pid:N`, whose first one has ended; empty if there is
/// none.
std::optional<NetnsRef> of_other_thread(std::string_view text) {
  if (!text.starts_with(kPidPrefix)) return std::nullopt;
  struct stat status{};
  std::error_code error;
  for (fs::directory_iterator
           thread(fmt::format("/proc/{}/task", text.substr(kPidPrefix.size())), error),
       end;
       !error && thread != end; thread.increment(error)) {
    std::string file = thread->path() / "ns/net";
    if (::stat(file.c_str(), &status) == 0) return NetnsRef(std::move(file));
  }
  return std::nullopt;
}

/// Who may see a file that we can't, if anybody.
const Broker* who_may_see(const NetnsRef& netns) noexcept {
  return netns.own() || netns.held() != nullptr ? nullptr : Broker::active();
}

/// Brings the thread back to where it came from when the scope is left, also by an exception.
class WayBack {
 public:
  explicit WayBack(int home) noexcept : home_(home) {}
  WayBack(const WayBack&) = delete;
  WayBack& operator=(const WayBack&) = delete;
  ~WayBack() {
    if (::setns(home_, CLONE_NEWNET) == 0) return;
    log::error("cannot return to nxgate's own network namespace: {}", reason(errno));
    std::abort();
  }

 private:
  int home_;
};

}  // namespace

NetnsRef NetnsRef::of_pid(pid_t pid) { return NetnsRef(fmt::format("{}{}", kPidPrefix, pid)); }

NetnsRef NetnsRef::of_descriptor(std::string text, Descriptor held) {
  NetnsRef pinned(std::move(text));
  pinned.held_ = std::make_shared<const Descriptor>(std::move(held));
  pinned.pinned_ = pinned.look();
  return pinned;
}

std::string NetnsRef::path() const {
  return held_ ? fmt::format("/proc/self/fd/{}", held_->get()) : named_path();
}

std::string NetnsRef::named_path() const {
  if (text_.starts_with(kPidPrefix)) {
    return "/proc/" + text_.substr(kPidPrefix.size()) + "/ns/net";
  }
  if (text_.contains('/')) return text_;
  return "/run/netns/" + text_;
}

Result<NetnsRef> NetnsRef::pin() const {
  Result<Descriptor> opened = open();
  if (!opened) return std::unexpected(opened.error());
  return of_descriptor(text_, *std::move(opened));
}

std::optional<std::uint64_t> NetnsRef::identity() const { return held_ ? pinned_ : look(); }

std::optional<std::uint64_t> NetnsRef::look() const {
  const std::string file = own() ? "/proc/thread-self/ns/net" : path();
  struct statfs filesystem{};
  struct stat status{};
  if (::statfs(file.c_str(), &filesystem) != 0) {
    const auto thread = errno == ENOENT ? of_other_thread(text_) : std::nullopt;
    if (thread) return thread->look();
    const Broker* const broker = who_may_see(*this);
    return broker == nullptr ? std::nullopt : broker->identity(*this);
  }
  if (filesystem.f_type != NSFS_MAGIC) return std::nullopt;
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  return status.st_ino ^ (static_cast<std::uint64_t>(status.st_dev) << kDeviceShift);
}

std::string netns_name(std::uint64_t identity) {
  return fmt::format("net:[{}]", identity & ((std::uint64_t{1} << kDeviceShift) - 1));
}

Result<Descriptor> NetnsRef::open() const {
  const std::string file = own() ? "/proc/thread-self/ns/net" : path();
  Descriptor opened = open_namespace(file);
  if (opened) return opened;
  const int error = errno;
  const auto thread = error == ENOENT ? of_other_thread(text_) : std::nullopt;
  if (thread) return thread->open();
  const Broker* const broker = error == EINVAL ? nullptr : who_may_see(*this);
  if (broker != nullptr) return broker->open_namespace(*this);
  switch (error) {
    case EINVAL:
      return fail(fmt::format("{} is not a network namespace, or no longer one", file));
    case ENOENT:
    case ESRCH:
      return fail(fmt::format(
          "no such network namespace: {} ({}); see `ip netns list` or `lsns -t net`", text_, file));
    case EACCES:
    case EPERM:
      return fail(
          fmt::format("no permission to open the network namespace {} ({}): root is required, or "
                      "CAP_SYS_PTRACE for pid:N",
                      text_, file));
    default:
      return fail(
          fmt::format("cannot open the network namespace {} ({}): {}", text_, file, reason(error)));
  }
}

Result<void> in_netns(const NetnsRef& netns, const std::function<void()>& action) {
  if (netns.own()) {
    action();
    return {};
  }
  const Result<Descriptor> home = NetnsRef().open();
  if (!home) return std::unexpected(home.error());
  const Result<Descriptor> there = netns.open();
  if (!there) return std::unexpected(there.error());
  if (::setns(there->get(), CLONE_NEWNET) != 0) {
    const bool forbidden = errno == EPERM;
    return fail(fmt::format("cannot enter the network namespace {}: {}{}", netns.text(),
                            reason(errno), forbidden ? " (needs root or CAP_SYS_ADMIN)" : ""));
  }
  const WayBack way_back(home->get());
  action();
  return {};
}

}  // namespace nxgate::sys
