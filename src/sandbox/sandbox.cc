#include "sandbox/sandbox.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/channel.h"
#include "sandbox/first_process.h"
#include "sandbox/hidden_sockets.h"
#include "sandbox/refusal.h"
#include "sandbox/step.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sandbox {
namespace {

constexpr unsigned long kOwn =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC;

bool write_file(const std::string& path, const std::string& text) {
  const sys::Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// Who we are outside it is inside, and nobody else is anybody there.
Done map_ourselves(pid_t pid) {
  const auto file = [pid](const char* name) { return fmt::format("/proc/{}/{}", pid, name); };
  if (!write_file(file("setgroups"), "deny") ||
      !write_file(file("uid_map"), fmt::format("{0} {0} 1", ::geteuid())) ||
      !write_file(file("gid_map"), fmt::format("{0} {0} 1", ::getegid()))) {
    return failed("give a user namespace its user");
  }
  return {};
}

}  // namespace

Sandbox::Sandbox(Sandbox&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      channel_(std::move(other.channel_)),
      netns_(std::move(other.netns_)) {}

Sandbox& Sandbox::operator=(Sandbox&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(channel_, other.channel_);
  std::swap(netns_, other.netns_);
  return *this;
}

Sandbox::~Sandbox() {
  if (pid_ == 0) return;
  channel_ = sys::Descriptor();  // at which it ends, whatever we may do to it
  (void)::waitpid(pid_, nullptr, 0);
}

Result<Sandbox> Sandbox::start(const Program& program) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return refused(failed("make a channel").error());
  }
  sys::Descriptor ours(ends[0]);
  const sys::Descriptor theirs(ends[1]);
  const auto hidden = what_to_hide();
  if (!hidden) return refused(hidden.error());
  // As fork, which knows no namespaces.
  const auto pid =
      static_cast<pid_t>(::syscall(SYS_clone, kOwn | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) return refused(failed("make namespaces").error());
  if (pid == 0) {
    ours = sys::Descriptor();
    be_first_process(theirs, program, *hidden);
  }
  Sandbox sandbox(pid, std::move(ours));
  if (auto done = map_ourselves(pid); !done) return refused(done.error());
  auto pinned = sys::NetnsRef::of_pid(pid).pin();
  if (!pinned) return std::unexpected(pinned.error());
  sandbox.netns_ = *std::move(pinned);
  if (!tell(sandbox.channel_, Order{.kind = Order::Kind::kMapped})) {
    return refused({.step = "go on: its first process has ended", .error = 0});
  }
  return sandbox;
}

Result<void> Sandbox::wait_ready() {
  const auto report = hear<Report>(channel_);
  if (!report) return refused({.step = "go on: its first process has ended", .error = 0});
  if (report->kind == Report::Kind::kReady) return {};
  return refused({.step = report->step.data(), .error = report->error});
}

Result<void> Sandbox::run() {
  if (tell(channel_, Order{.kind = Order::Kind::kRun})) return {};
  return refused({.step = "go on: its first process has ended", .error = 0});
}

std::optional<Sandbox::Event> Sandbox::next() {
  if (pid_ == 0) return std::nullopt;
  if (const auto report = hear<Report>(channel_, MSG_DONTWAIT)) {
    if (report->kind == Report::Kind::kStopped) return Event{.ended = {}, .stopped = report->at};
    const auto why = refused({.step = report->step.data(), .error = report->error});
    return Event{.ended = {}, .stopped = {}, .fault = why.error().message};
  }
  pollfd end{channel_.get(), POLLIN, 0};
  if (::poll(&end, 1, 0) != 1 || (end.revents & POLLHUP) == 0) return std::nullopt;
  int status = 0;
  if (::waitpid(std::exchange(pid_, 0), &status, 0) < 0) return Event{.ended = 1, .stopped = {}};
  return Event{.ended = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
               .stopped = {}};
}

void Sandbox::pass_on(int signal) {
  (void)tell(channel_, Order{.kind = Order::Kind::kSignal, .signal = signal});
}

}  // namespace nxgate::sandbox
