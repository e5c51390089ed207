#include "sys/privileges.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>

#include <cap-ng.h>
#include <fmt/core.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/error.h"

namespace nxgate::sys {
namespace {

void keep(unsigned capability) {
  capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED), capability);
}

}  // namespace

std::optional<Identity> find_user(const std::string& name) {
  uid_t number{};
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  if (error == std::errc{} && stop == end) return Identity{number, number};

  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text{};
  if (::getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found) != 0) return {};
  if (found == nullptr) return std::nullopt;
  return Identity{found->pw_uid, found->pw_gid};
}

Result<void> drop_privileges(const std::string& user, const KeptCapabilities& keep_these) {
  if (::geteuid() != 0) return {};
  const std::optional<Identity> identity = find_user(user);
  if (!identity) {
    return fail(fmt::format("there is no user '{}' to become; name another with --user", user));
  }
  capng_clear(CAPNG_SELECT_BOTH);
  if (keep_these.enter_namespaces) keep(CAP_SYS_ADMIN);
  if (keep_these.find_by_process) keep(CAP_SYS_PTRACE);
  if (keep_these.bind_low_ports) keep(CAP_NET_BIND_SERVICE);
  if (keep_these.bind_interfaces) keep(CAP_NET_RAW);
  if (keep_these.change_rules) keep(CAP_NET_ADMIN);
  if (keep_these.reach_engine) keep(CAP_DAC_OVERRIDE);
  const auto flags = static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
  const int result =
      capng_change_id(static_cast<int>(identity->user), static_cast<int>(identity->group), flags);
  if (result != 0) {
    return fail(
        fmt::format("cannot become user '{}' (libcap-ng step {}): run nxgate with all of "
                    "root's capabilities, or not as root",
                    user, result));
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail("cannot set no_new_privs: " + std::generic_category().message(errno));
  }
  return {};
}

}  // namespace nxgate::sys
