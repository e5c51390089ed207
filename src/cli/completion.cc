#include "cli/completion.h"

#include <string>
#include <string_view>

#include "cli/command_tree.h"

namespace nxgate::cli {

std::string completion(std::string_view shell, const CommandNode& program) {
  if (shell == "bash") return bash_completion(program);
  return shell == "zsh" ? zsh_completion(program) : fish_completion(program);
}

}  // namespace nxgate::cli
