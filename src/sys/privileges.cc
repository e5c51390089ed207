#include "sys/privileges.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
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
#include "base/log.h"
#include "sys/sanitizer.h"

namespace nxgate::sys {
namespace {

const std::string kOurUser = "nxgate";
const std::string kNobody = "nobody";
/// Where no list of users says otherwise.
constexpr uid_t kNobodysNumber = 65534;

struct Need {
  bool KeptCapabilities::* wanted;
  unsigned capability;
  bool optional = false;  ///< whoever needs it tells by itself that it isn't there
};
constexpr std::array kNeeds{Need{&KeptCapabilities::enter_namespaces, CAP_SYS_ADMIN},
                            Need{&KeptCapabilities::find_by_process, CAP_SYS_PTRACE},
                            Need{&KeptCapabilities::bind_low_ports, CAP_NET_BIND_SERVICE},
                            Need{&KeptCapabilities::bind_interfaces, CAP_NET_RAW},
                            Need{&KeptCapabilities::hold_queues, CAP_NET_RAW, true},
                            Need{&KeptCapabilities::change_rules, CAP_NET_ADMIN},
                            Need{&KeptCapabilities::pass_permissions, CAP_DAC_OVERRIDE},
                            Need{&KeptCapabilities::send_descriptors, CAP_SYS_RESOURCE, true}};

/// Tells libcap-ng what stays. Root lacks nothing, or is told so; others keep what they have.
Result<void> select(const KeptCapabilities& wanted, bool root) {
  std::array<bool, kNeeds.size()> stays{};
  if (capng_get_caps_process() != 0) {
    return fail(
        "cannot read the capabilities of this process (libcap-ng reads them with capget(2) and "
        "from /proc): is /proc mounted?");
  }
  for (std::size_t i = 0; i < kNeeds.size(); ++i) {
    stays[i] = wanted.*kNeeds[i].wanted &&
               ((root && !kNeeds[i].optional) ||
                capng_have_capability(CAPNG_PERMITTED, kNeeds[i].capability) != 0);
  }
  capng_clear(CAPNG_SELECT_BOTH);
  for (std::size_t i = 0; i < kNeeds.size(); ++i) {
    if (!stays[i]) continue;
    capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                 kNeeds[i].capability);
  }
  return {};
}

Result<void> become(const std::string& user) {
  const std::optional<Identity> identity = find_user(user);
  if (!identity) {
    return fail(fmt::format("no such user: '{}'; choose another with --user", user));
  }
  const auto flags = static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
  const int result =
      capng_change_id(static_cast<int>(identity->user), static_cast<int>(identity->group), flags);
  if (result == 0) return {};
  return fail(
      fmt::format("cannot switch to user '{}' (libcap-ng step {}): run nxgate with all "
                  "capabilities of root, or not as root",
                  user, result));
}

Result<void> stay_who_we_are() {
  if (capng_apply(CAPNG_SELECT_CAPS) == 0) return {};
  return fail("cannot drop capabilities: " + std::generic_category().message(errno));
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

std::string home_of(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text{};
  (void)::getpwuid_r(user, &entry, text.data(), text.size(), &found);
  return found == nullptr ? "" : found->pw_dir;
}

std::string usual_user() { return find_user(kOurUser) ? kOurUser : kNobody; }

bool is_shared(const std::string& user) {
  const auto identity = find_user(user);
  const auto nobody = find_user(kNobody);
  return identity && identity->user == (nobody ? nobody->user : kNobodysNumber);
}

Result<void> drop_privileges(const std::string& user, const KeptCapabilities& keep_these) {
  const bool root = ::geteuid() == 0 && !user.empty();
  if (auto selected = select(keep_these, root); !selected) return selected;
  if (auto done = root ? become(user) : stay_who_we_are(); !done) return done;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail("cannot set no_new_privs: " + std::generic_category().message(errno));
  }
  // A sanitizer looks for leaks by looking into its own process.
  if (!kSanitized && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return fail("cannot protect the process from others: " +
                std::generic_category().message(errno));
  }
  return {};
}

void warn_of_shared_user() {
  const std::string user = std::to_string(::geteuid());
  if (!is_shared(user)) return;
  log::warning(
      "runs as nobody ({}); other programs that run as nobody can signal nxgate; `adduser --system "
      "--group --no-create-home nxgate` creates a user for nxgate, which it then uses by default",
      user);
}

}  // namespace nxgate::sys
