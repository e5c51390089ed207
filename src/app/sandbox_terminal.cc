#include "app/sandbox_terminal.h"

#include <array>
#include <atomic>
#include <csignal>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "sys/descriptor.h"
#include "sys/inherited.h"

namespace nxgate::app {
namespace {

std::atomic<Instant> continued_at{};

void note_continued(int /*signal*/) { continued_at = Clock::now(); }

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

bool SandboxTerminal::stop_too(Instant at) {
  if (continued_at.load() >= at) return false;
  (void)::kill(::getpid(), SIGSTOP);
  return true;
}

void SandboxTerminal::let_go_of_streams() {
  sys::lead_nowhere(std::array{STDIN_FILENO, STDOUT_FILENO});
}

}  // namespace nxgate::app
