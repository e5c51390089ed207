#include "sandbox/confinement.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>

#include <asm/ioctls.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/step.h"

namespace nxgate::sandbox {
namespace {

/// Put octets into the input of the terminal, or have a console paste what is selected.
constexpr std::array<std::uint32_t, 2> kTyping{TIOCSTI, TIOCLINUX};

/// Those of which network namespaces keep sockets apart; another, as of virtual machines and their
/// host (AF_VSOCK), leads out.
constexpr std::array<std::uint32_t, 6> kFamilies{AF_UNIX,    AF_INET,   AF_INET6,
                                                 AF_NETLINK, AF_PACKET, AF_ALG};
constexpr std::uint32_t kMostFamilies = 64;

/// What makes sockets that no filter sees, and what has the kernel ask for names outside
/// (dns_resolver keys).
constexpr std::array<int, 4> kMissing{SCMP_SYS(io_uring_setup), SCMP_SYS(request_key),
                                      SCMP_SYS(keyctl), SCMP_SYS(add_key)};

#if defined(__x86_64__)
constexpr std::array<std::uint32_t, 2> kOtherCalls{SCMP_ARCH_X86, SCMP_ARCH_X32};
#elif defined(__aarch64__)
constexpr std::array<std::uint32_t, 1> kOtherCalls{SCMP_ARCH_ARM};
#else
constexpr std::array<std::uint32_t, 0> kOtherCalls{};
#endif

Done drop_capabilities() {
  for (unsigned long capability = 0; capability <= 63; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // there are no more
    return failed("drop capabilities");
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return failed("drop ambient capabilities");
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) return failed("drop capabilities");
  return {};
}

/// Collects rules, of which a fault is remembered, and loads them.
class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ALLOW)) {
    for (const std::uint32_t arch : kOtherCalls) note(::seccomp_arch_add(context_.get(), arch));
    note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW));
  }

  void refuse(int call, int error) {
    note(::seccomp_rule_add(context_.get(), SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)), call,
                            0));
  }
  /// With this argument, counted from 0, of 32 bits.
  void refuse(int call, int error, unsigned argument, std::uint32_t value) {
    const scmp_arg_cmp is_it{
        .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = value};
    note(::seccomp_rule_add_array(context_.get(), SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)),
                                  call, 1, &is_it));
  }
  Done load() {
    if (fault_ == 0) note(::seccomp_load(context_.get()));
    if (fault_ == 0) return {};
    errno = -fault_;
    return failed("block system calls (seccomp)");
  }

 private:
  void note(int result) {
    if (result < 0 && result != -EEXIST && fault_ == 0) fault_ = result;
  }

  struct Release {
    void operator()(void* context) const noexcept { ::seccomp_release(context); }
  };
  std::unique_ptr<void, Release> context_;
  int fault_ = 0;
};

Done block_calls() {
  Filter filter;
  for (const std::uint32_t request : kTyping) filter.refuse(SCMP_SYS(ioctl), EPERM, 1, request);
  for (std::uint32_t family = 0; family < kMostFamilies; ++family) {
    if (std::ranges::find(kFamilies, family) != kFamilies.end()) continue;
    filter.refuse(SCMP_SYS(socket), EAFNOSUPPORT, 0, family);
  }
  for (const int call : kMissing) filter.refuse(call, ENOSYS);
  return filter.load();
}

}  // namespace

Done confine_program() {
  if (auto done = drop_capabilities(); !done) return done;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("set no_new_privs");
  return block_calls();
}

}  // namespace nxgate::sandbox
