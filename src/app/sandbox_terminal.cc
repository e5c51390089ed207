#include "app/sandbox_terminal.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "sys/descriptor.h"

namespace nxgate::app {
namespace {

std::atomic<std::int64_t> continued_at{0};

void note_continued(int /*signal*/) {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);
  continued_at = time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

/// Not open while the program runs: it may hang up.
sys::Descriptor terminal() { return sys::Descriptor(::open("/dev/tty", O_RDWR | O_CLOEXEC)); }

bool is_foreground() {
  const sys::Descriptor tty = terminal();
  return tty && ::tcgetpgrp(tty.get()) == ::getpgrp();
}

}  // namespace

SandboxTerminal::SandboxTerminal() : foreground_(is_foreground()) {
  for (const int signal : {SIGINT, SIGQUIT, SIGTTOU}) std::signal(signal, SIG_IGN);
  struct sigaction action{};
  action.sa_handler = note_continued;
  action.sa_flags = SA_RESTART;
  (void)::sigaction(SIGCONT, &action, nullptr);
}

/// A shell in there may have left the terminal to a process group that is gone.
SandboxTerminal::~SandboxTerminal() {
  if (!foreground_ || is_foreground()) return;
  if (const sys::Descriptor tty = terminal()) (void)::tcsetpgrp(tty.get(), ::getpgrp());
}

bool SandboxTerminal::stop_too(std::int64_t at) {
  if (continued_at >= at) return false;
  (void)::kill(::getpid(), SIGSTOP);
  return true;
}

void SandboxTerminal::let_go_of_streams() {
  const sys::Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int each : {STDIN_FILENO, STDOUT_FILENO}) (void)::dup2(nothing.get(), each);
}

}  // namespace nxgate::app
