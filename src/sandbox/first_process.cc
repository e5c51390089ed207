#include "sandbox/first_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "sandbox/channel.h"
#include "sandbox/confinement.h"
#include "sandbox/hidden_sockets.h"
#include "sandbox/own_files.h"
#include "sandbox/own_links.h"
#include "sandbox/sandbox.h"
#include "sandbox/step.h"
#include "sys/descriptor.h"
#include "sys/inherited.h"

namespace nxgate::sandbox {
namespace {

constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;
constexpr int kOfSignal = 128;

[[noreturn]] void give_up(const sys::Descriptor& channel, const Failure& failure) {
  Report report{.kind = Report::Kind::kFailed, .error = failure.error};
  failure.step.copy(report.step.data(), report.step.size() - 1);
  (void)tell(channel, report);
  ::_exit(kCannotRun);
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& each : texts) pointers.push_back(const_cast<char*>(each.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// Directories of PATH that can't be read are passed over, as by a shell.
bool is_found(const std::string& name) {
  if (name.contains('/')) return true;
  const char* const path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
  std::istringstream directories(path == nullptr ? "" : path);
  for (std::string each; std::getline(directories, each, ':');) {
    if (::access((each + "/" + name).c_str(), F_OK) == 0) return true;
  }
  return false;
}

[[noreturn]] void become(const Program& program, const sigset_t& signals) {
  std::vector<int> kept{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  for (const int each : program.kept) (void)::fcntl(each, F_SETFD, 0);
  kept.insert(kept.end(), program.kept.begin(), program.kept.end());
  sys::close_all_but(std::move(kept));
  (void)::sigprocmask(SIG_SETMASK, &signals, nullptr);
  const std::vector<char*> arguments = pointers_to(program.command);
  const std::vector<char*> environment = pointers_to(program.environment);
  ::execvpe(arguments.front(), arguments.data(), environment.data());
  const int error = errno == EACCES && !is_found(program.command.front()) ? ENOENT : errno;
  std::fputs(fmt::format("nxgate: {}: {}\n", program.command.front(),
                         error == ENOENT ? "not found" : std::generic_category().message(error))
                 .c_str(),
             stderr);
  ::_exit(error == ENOENT ? kNotFound : kCannotRun);
}

/// Reaps whatever has ended. The exit status of the program once that has.
std::optional<int> reap(pid_t program, const sys::Descriptor& channel) {
  for (int status = 0;;) {
    const pid_t child = ::waitpid(-1, &status, WNOHANG | WUNTRACED);
    if (child <= 0) return std::nullopt;
    if (child != program) continue;
    if (WIFSTOPPED(status)) {
      (void)tell(
          channel,
          Report{.kind = Report::Kind::kStopped, .error = 0, .at = Clock::now(), .step = {}});
      continue;
    }
    return WIFSIGNALED(status) ? kOfSignal + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

/// Until the program has ended, or nxgate.
[[noreturn]] void look_after(pid_t program, const sys::Descriptor& channel,
                             const sys::Descriptor& children) {
  for (;;) {
    pollfd waited[] = {{channel.get(), POLLIN, 0}, {children.get(), POLLIN, 0}};
    if (::poll(waited, 2, -1) < 0) continue;
    if (waited[1].revents != 0) {
      signalfd_siginfo told{};
      (void)!::read(children.get(), &told, sizeof told);
      if (const auto status = reap(program, channel)) ::_exit(*status);
    }
    if (waited[0].revents == 0) continue;
    const auto order = hear<Order>(channel);
    if (!order) ::_exit(kOfSignal + SIGKILL);
    if (order->kind == Order::Kind::kSignal) (void)::kill(program, order->signal);
  }
}

Done prepare(const Program& program, const Hidden& hidden) {
  if (auto done = make_own_links(); !done) return done;
  if (auto done = make_own_files(hidden, program.sockets); !done) return done;
  return program.mounts ? Done() : allow_no_mounts();
}

}  // namespace

void be_first_process(const sys::Descriptor& channel, const Program& program,
                      const Hidden& hidden) {
  // The kernel ends all that is in here with us.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)::prctl(PR_SET_NAME, "nxgate-init");
  if (!hear<Order>(channel)) ::_exit(kCannotRun);
  if (auto done = prepare(program, hidden); !done) give_up(channel, done.error());
  if (!tell(channel, Report{.kind = Report::Kind::kReady, .error = 0, .at = {}, .step = {}}) ||
      !hear<Order>(channel)) {
    ::_exit(kCannotRun);
  }
  // Keys and tickets of the session stay outside; no call that reads a key is left.
  (void)::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  if (auto done = confine_program(); !done) give_up(channel, done.error());
  // The program is of the same user, and shall not get at us.
  (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  sigset_t before;
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  (void)::sigprocmask(SIG_BLOCK, &child, &before);
  const pid_t started = ::fork();
  if (started == 0) become(program, before);
  if (started < 0) give_up(channel, failed("start a process").error());
  const sys::Descriptor children(::signalfd(-1, &child, SFD_CLOEXEC));
  constexpr std::array kStreams{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  sys::close_all_but({kStreams[0], kStreams[1], kStreams[2], channel.get(), children.get()});
  // Nothing of the caller's is held open longer than by the program.
  sys::lead_nowhere(kStreams);
  look_after(started, channel, children);
}

}  // namespace nxgate::sandbox
