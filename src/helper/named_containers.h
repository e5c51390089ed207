// The namespaces of containers that a configuration names.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "helper/reach.h"
#include "sys/netns.h"

namespace nxgate::helper {

/// Follows them by asking the engine itself: the server can't say which namespace a name stands
/// for. Only those of the agreement, and only namespaces in the engine's directory that are neither
/// the engine's own nor the host's. Any thread.
class NamedContainers {
 public:
  explicit NamedContainers(EngineAccess engine) : access_(engine) {}
  /// Before the first question.
  void agree(const Reach& reach);
  [[nodiscard]] bool any() const noexcept { return !known_.empty(); }

  /// Looks for those that aren't known or may have changed. Blocks for as long as the engine takes,
  /// seconds at most; meanwhile `at` answers by what was known.
  void look(const ReachCheck& bounds);

  /// The namespace itself, pinned, if it is that of a container, else `netns`. The error says why
  /// there is none.
  [[nodiscard]] Result<sys::NetnsRef> at(const sys::NetnsRef& netns) const;

 private:
  struct Known {
    sys::NetnsRef named;  ///< by a file or a process, whose end shows that of the container
    sys::NetnsRef pinned;
    std::uint64_t identity = 0;
    std::string fault = "isn't known yet";  ///< empty: it is there
    Instant looked;
  };
  [[nodiscard]] Known find(const std::string& name, const ReachCheck& bounds) const;

  EngineAccess access_;
  std::string engine_;
  mutable std::mutex mutex_;  ///< over what follows
  std::map<std::string, Known, std::less<>> known_;
};

}  // namespace nxgate::helper
