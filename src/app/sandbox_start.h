// What is done before a program's sandbox is made.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cli/options.h"
#include "sandbox/sandbox.h"
#include "sys/descriptor.h"

namespace nxgate::app {

/// Tells why the program didn't run; kNotRun.
int not_run(const std::string& why);

/// Whether those that are to be kept are open, and none of the first three is a socket of our
/// network, which would be a way out.
[[nodiscard]] Result<void> check_descriptors(const std::vector<int>& kept);

/// A file to write at the end; empty for no path.
[[nodiscard]] Result<sys::Descriptor> open_output(const std::string& path);
void write_output(const sys::Descriptor& file, const std::string& text);

/// Becomes that user with all that belongs to it, for good.
[[nodiscard]] Result<void> become(const std::string& user);

[[nodiscard]] sandbox::Program program_of(const cli::Options& options);

}  // namespace nxgate::app
