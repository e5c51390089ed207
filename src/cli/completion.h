// Scripts that complete nxgate's commands in a shell, made from the commands themselves.
#pragma once

#include <string>
#include <string_view>

#include "cli/command_tree.h"

namespace nxgate::cli {

/// For bash 4.4 and later; bash-completion isn't needed.
[[nodiscard]] std::string bash_completion(const CommandNode& program);

/// For an autoloaded file `_nxgate` of zsh, or for `source`.
[[nodiscard]] std::string zsh_completion(const CommandNode& program);

[[nodiscard]] std::string fish_completion(const CommandNode& program);

/// That of `shell`: `bash`, `zsh` or `fish`.
[[nodiscard]] std::string completion(std::string_view shell, const CommandNode& program);

/// `separator` between the `parts`.
template <class Parts>
[[nodiscard]] std::string join(const Parts& parts, std::string_view separator) {
  std::string joined;
  for (const auto& part : parts) {
    if (!joined.empty()) joined += separator;
    joined += part;
  }
  return joined;
}

}  // namespace nxgate::cli
