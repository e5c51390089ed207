// Giving up root.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "base/error.h"

namespace nxgate::sys {

/// What is kept when root is dropped.
struct KeptCapabilities {
  bool enter_namespaces = false;  ///< CAP_SYS_ADMIN
  bool find_by_process = false;   ///< CAP_SYS_PTRACE, for namespaces named by a process
  bool bind_low_ports = false;    ///< CAP_NET_BIND_SERVICE
  bool bind_interfaces = false;   ///< CAP_NET_RAW, for SO_BINDTODEVICE
  bool hold_queues = false;       ///< CAP_NET_RAW, for AF_XDP
  bool change_rules = false;      ///< CAP_NET_ADMIN, for nf_tables, routes and lo
  /// CAP_DAC_OVERRIDE, for the engine's socket and directories, and for what processes have open.
  bool pass_permissions = false;
  /// CAP_SYS_RESOURCE, to send a descriptor although others of the same user have as many on their
  /// way as Linux lets a user have. CAP_SYS_ADMIN does as well.
  bool send_descriptors = false;

  [[nodiscard]] bool any() const noexcept { return *this != KeptCapabilities(); }
  bool operator==(const KeptCapabilities&) const = default;
};

/// Who a user is.
struct Identity {
  uid_t user;
  gid_t group;
};

/// By name. A number stands for itself: a container image may have no /etc/passwd. Any thread.
[[nodiscard]] std::optional<Identity> find_user(const std::string& name);

/// Empty if the user database doesn't know. Any thread.
[[nodiscard]] std::string home_of(uid_t user);

/// nxgate's own user if there is one, else `nobody`, whom other programs may be as well.
[[nodiscard]] std::string usual_user();

/// Whether that is the user `nobody`: its other processes may signal ours.
[[nodiscard]] bool is_shared(const std::string& user);

/// Becomes `user` with that user's groups, no supplementary ones, no capability but the kept ones
/// (also none in the bounding set), and no_new_privs. Started by another user than root, or
/// with an empty `user`, it stays who it is, and of the capabilities it has keeps those. Other
/// processes of that user can't look into this one, which leaves no core either. Call before the
/// first thread is started.
[[nodiscard]] Result<void> drop_privileges(const std::string& user, const KeptCapabilities& keep);

/// Logs it if other programs may run as our user, who could then signal us.
void warn_of_shared_user();

}  // namespace nxgate::sys
