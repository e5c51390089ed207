#include "sandbox/refusal.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "base/error.h"
#include "sandbox/step.h"
#include "sys/file.h"

namespace nxgate::sandbox {
namespace {

constexpr std::size_t kLargestSetting = 4096;

/// The first word of a setting; empty if the kernel has none of this name.
std::string setting(std::string_view name) {
  const std::string text =
      sys::read_file(fmt::format("/proc/sys/{}", name), kLargestSetting).value_or("");
  return text.substr(0, text.find_first_of(" \t\n"));
}

/// Whether a filter of system calls is upon us, as in a container with the usual profile.
bool is_filtered() {
  const std::string status = sys::read_file("/proc/self/status", kLargestSetting).value_or("");
  return status.contains("\nSeccomp:\t2");
}

std::string cure_of(const Failure& failure) {
  if (setting("user/max_user_namespaces") == "0") {
    return "user namespaces are switched off: `sysctl user.max_user_namespaces=15000` as root";
  }
  if (setting("kernel/unprivileged_userns_clone") == "0") {
    return "only root may make user namespaces: `sysctl kernel.unprivileged_userns_clone=1` as "
           "root";
  }
  switch (failure.error) {
    case ENOSPC:
      return "there are too many user, network or other namespaces; see "
             "`sysctl -a --pattern user.max_`";
    case EUSERS:
      return "there are too many user namespaces within each other";
    case EPERM:
    case EACCES:
      break;
    default:
      return failure.step.contains("veth") ? "the kernel must have virtual links: `modprobe veth` "
                                             "as root"
                                           : "";
  }
  if (setting("kernel/apparmor_restrict_unprivileged_userns") == "1") {
    return "AppArmor lets only programs with a profile use user namespaces: nxgate's package has "
           "one, which is examples/nxgate.apparmor (see docs/run.md); or `sysctl "
           "kernel.apparmor_restrict_unprivileged_userns=0` as root";
  }
  if (failure.step == "mount /proc") {
    return "parts of /proc are covered here, as in a container: start that with `--security-opt "
           "systempaths=unconfined`";
  }
  return is_filtered() ? "a filter of system calls forbids it (seccomp), as in a container: start "
                         "that with `--security-opt seccomp=unconfined --security-opt "
                         "apparmor=unconfined`"
                       : "";
}

}  // namespace

std::unexpected<Error> refused(const Failure& failure) {
  const std::string cure = cure_of(failure);
  return fail(
      fmt::format("no sandbox can be made here: cannot {}{}{}{}", failure.step,
                  failure.error == 0 ? "" : ": " + std::generic_category().message(failure.error),
                  cure.empty() ? "" : "; ", cure));
}

}  // namespace nxgate::sandbox
