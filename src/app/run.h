// The program.
#pragma once

namespace nxgate::app {

/// Does what the command line asks for and returns the exit status.
[[nodiscard]] int run(int argc, const char* const* argv);

}  // namespace nxgate::app
