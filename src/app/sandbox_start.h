// What is done before a program's sandbox is made.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cli/options.h"
#include "sandbox/sandbox.h"

namespace nxgate::app {

/// Tells why the program didn't run; kNotRun.
int not_run(const std::string& why);

/// Whether those that are to be kept are open, none is a directory, and none of the first three a
/// socket of our network, which would be a way out.
[[nodiscard]] Result<void> check_descriptors(const std::vector<int>& kept);

/// Whether those that are to stay are there.
[[nodiscard]] Result<void> check_sockets(const std::vector<std::string>& kept);

/// Becomes that user with all that belongs to it, its home too, for good.
[[nodiscard]] Result<void> become(const std::string& user);

[[nodiscard]] sandbox::Program program_of(const cli::Options& options);

}  // namespace nxgate::app
