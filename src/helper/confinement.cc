#include "helper/confinement.h"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/error.h"
#include "sys/privileges.h"
#include "sys/sanitizer.h"

namespace nxgate::helper {
namespace {

using Calls = std::span<const int>;

constexpr std::uint32_t kRefuse = SCMP_ACT_ERRNO(EPERM);

/// Nobody's everyday.
constexpr int kDangerous[] = {
    // other programs, other processes
    SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp),
    // the file system
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr),
    SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(mknod), SCMP_SYS(mknodat),
    SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at), SCMP_SYS(quotactl), SCMP_SYS(swapon),
    SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(fanotify_init),
    // the kernel
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(init_module),
    SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(syslog), SCMP_SYS(add_key),
    SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(modify_ldt),
    SCMP_SYS(personality),
    // time, names, namespaces, users
    SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(unshare), SCMP_SYS(setns),
    SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid), SCMP_SYS(setresuid),
    SCMP_SYS(setresgid), SCMP_SYS(setgroups), SCMP_SYS(capset)};

/// What it takes to answer.
constexpr int kAnswering[] = {
    // to wait
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(futex), SCMP_SYS(timerfd_settime), SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
    // to receive and send
    SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write),
    SCMP_SYS(writev), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(listen), SCMP_SYS(accept),
    SCMP_SYS(accept4), SCMP_SYS(shutdown), SCMP_SYS(close), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(ioctl),
    SCMP_SYS(fcntl), SCMP_SYS(fstat), SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(stat),
    SCMP_SYS(newfstatat), SCMP_SYS(getrandom),
    // to have memory, and to end
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(membarrier),
    SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(tgkill), SCMP_SYS(set_robust_list), SCMP_SYS(exit), SCMP_SYS(exit_group)};

/// Those that take their flags from memory.
constexpr int kUnreadable[] = {SCMP_SYS(clone3)};

/// What it takes to move bytes from socket to socket.
constexpr int kMoving[] = {SCMP_SYS(pipe2), SCMP_SYS(splice)};

/// What it takes to look for a process by what it has open.
constexpr int kLooking[] = {SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat)};

/// Those that map memory; the flags of protection are their third argument.
constexpr int kMapping[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
/// Flags of open that change something, of which truncating takes no way to write.
constexpr std::uint32_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC;
constexpr std::uint32_t kFamilies[] = {AF_INET, AF_INET6};

/// An argument of a call, counted from 0, of which these bits have this value.
constexpr scmp_arg_cmp bits(unsigned argument, std::uint32_t mask, std::uint32_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

/// Collects rules, of which a fault is remembered, and loads them.
class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(::seccomp_init(otherwise)) {}

  void add(std::uint32_t action, Calls calls) {
    for (const int call : calls) note(::seccomp_rule_add(context_.get(), action, call, 0));
  }
  void add(std::uint32_t action, int call, scmp_arg_cmp condition) {
    note(::seccomp_rule_add_array(context_.get(), action, call, 1, &condition));
  }
  [[nodiscard]] Result<void> load() {
    if (fault_ == 0) note(::seccomp_load(context_.get()));
    if (fault_ == 0) return {};
    return fail("cannot block system calls (seccomp): " + std::generic_category().message(-fault_));
  }

 private:
  void note(int result) {
    if (result != 0 && fault_ == 0) fault_ = result;
  }

  struct Release {
    void operator()(void* context) const noexcept { ::seccomp_release(context); }
  };
  std::unique_ptr<void, Release> context_;
  int fault_ = 0;
};

void allow_answering(Filter& filter) {
  filter.add(SCMP_ACT_ALLOW, kAnswering);
  for (const int call : kMapping) {
    filter.add(SCMP_ACT_ALLOW, call, bits(2, PROT_EXEC, 0));
  }
  for (const std::uint32_t family : kFamilies) {
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(socket), bits(0, UINT32_MAX, family));
  }
}

}  // namespace

bool confines() noexcept { return !sys::kSanitized; }

Result<void> confine_process(Confinement how) {
  if (!confines() || how == Confinement::kNone) return {};
  Filter filter(SCMP_ACT_ALLOW);
  filter.add(kRefuse, kDangerous);
  // Whoever makes a namespace of users is root in there. What clone3 shall do no filter can read;
  // without it libc starts threads by clone.
  filter.add(kRefuse, SCMP_SYS(clone), bits(0, CLONE_NEWUSER, CLONE_NEWUSER));
  filter.add(SCMP_ACT_ERRNO(ENOSYS), kUnreadable);
  return filter.load();
}

Result<void> confine_worker(Confinement how) {
  if (!confines() || how == Confinement::kNone) return {};
  Filter filter(kRefuse);
  allow_answering(filter);
  return filter.load();
}

Result<void> confine_relay(Confinement how) {
  if (!confines() || how == Confinement::kNone) return {};
  Filter filter(kRefuse);
  allow_answering(filter);
  filter.add(SCMP_ACT_ALLOW, kMoving);
  return filter.load();
}

Result<void> confine_helper(Confinement how, const sys::KeptCapabilities& keep, bool asks_engine) {
  if (!confines() || how == Confinement::kNone) return {};
  Filter filter(kRefuse);
  allow_answering(filter);
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(openat), bits(2, kWriting, O_RDONLY));
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(setns), bits(1, UINT32_MAX, CLONE_NEWNET));
  if (keep.change_rules) {
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(socket), bits(0, UINT32_MAX, AF_NETLINK));
  }
  if (keep.hold_queues) {
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(socket), bits(0, UINT32_MAX, AF_XDP));
  }
  if (keep.find_by_process) filter.add(SCMP_ACT_ALLOW, kLooking);
  if (asks_engine) filter.add(SCMP_ACT_ALLOW, SCMP_SYS(socket), bits(0, UINT32_MAX, AF_UNIX));
  return filter.load();
}

}  // namespace nxgate::helper
