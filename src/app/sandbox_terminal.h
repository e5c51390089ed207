// Signals and the terminal, shared with a program in a sandbox.
#pragma once

#include "base/clock.h"

namespace nxgate::app {

/// nxgate is of the program's process group: what the terminal sends reaches both. While this lives
/// nxgate doesn't end by the keys that end the program. One at a time.
class SandboxTerminal {
 public:
  SandboxTerminal();
  ~SandboxTerminal();
  SandboxTerminal(const SandboxTerminal&) = delete;
  SandboxTerminal& operator=(const SandboxTerminal&) = delete;

  /// The program was stopped at this time (sandbox::Sandbox::Event). If nxgate was not stopped with
  /// it, stops until whoever started it continues it; true if so, and the program should go on too.
  [[nodiscard]] static bool stop_too(Instant at);
  /// What the program wrote to or read from is left to it alone, but for standard error.
  static void let_go_of_streams();

 private:
  bool foreground_;
};

}  // namespace nxgate::app
