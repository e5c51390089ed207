// The manual pages, made from the commands and from the keys of the configuration.
#pragma once

#include <string>

#include "cli/command_tree.h"

namespace nxgate::cli {

/// nxgate(1), as roff with the macros of man(7).
[[nodiscard]] std::string command_page(const CommandNode& program);

/// nxgate.toml(5), likewise.
[[nodiscard]] std::string configuration_page();

}  // namespace nxgate::cli
