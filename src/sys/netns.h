// Network namespaces: naming one, and doing something inside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::sys {

/// Which namespace: a path, an `ip netns` name (below /run/netns), or `pid:N`, the process's: that
/// of another thread once its first has ended. The empty text is our own namespace.
class NetnsRef {
 public:
  NetnsRef() = default;
  explicit NetnsRef(std::string text) : text_(std::move(text)) {}

  /// That of a process, `pid:N`.
  [[nodiscard]] static NetnsRef of_pid(pid_t pid);

  /// That of an open nsfs file, pinned.
  [[nodiscard]] static NetnsRef of_descriptor(std::string text, Descriptor held);

  [[nodiscard]] bool own() const noexcept { return text_.empty(); }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// The file behind it: `/run/netns/NAME`, `/proc/N/ns/net`, or our descriptor if it is pinned.
  [[nodiscard]] std::string path() const;
  /// The same for a message: not our descriptor, which nobody else can use and which is another
  /// one at each attempt.
  [[nodiscard]] std::string named_path() const;

  /// Whether it is named by a process, as `pid:N` or below /proc: to reach another user's takes
  /// CAP_SYS_PTRACE.
  [[nodiscard]] bool of_process() const { return !held_ && path().starts_with("/proc/"); }

  /// A token that differs between two namespaces (device and inode of the nsfs file); empty while
  /// there is none, also when the path is a stale file that is no namespace any more.
  [[nodiscard]] std::optional<std::uint64_t> identity() const;

  /// The same namespace, pinned: held by a descriptor, so that it can be entered and stays alive
  /// even if the process or file that named it is gone.
  [[nodiscard]] Result<NetnsRef> pin() const;

  /// Opens it. The error names it and says what to do (no such namespace, no permission).
  [[nodiscard]] Result<Descriptor> open() const;

  /// What pins it; null if nothing does.
  [[nodiscard]] const Descriptor* held() const noexcept { return held_.get(); }

  bool operator==(const NetnsRef&) const = default;

 private:
  [[nodiscard]] std::optional<std::uint64_t> look() const;

  std::string text_;
  std::shared_ptr<const Descriptor> held_;
  std::optional<std::uint64_t> pinned_;  ///< its identity, for a pinned one keeps it
};

/// How /proc and lsns name the namespace of that identity: `net:[4026532008]`.
[[nodiscard]] std::string netns_name(std::uint64_t identity);

/// Runs `action` on the calling thread inside the namespace and returns to the thread's own. Needs
/// CAP_SYS_ADMIN. setns is per thread, so other threads notice nothing; if the way back fails, the
/// process ends rather than go on in the wrong namespace. Our own namespace costs nothing.
[[nodiscard]] Result<void> in_netns(const NetnsRef& netns, const std::function<void()>& action);

}  // namespace nxgate::sys
