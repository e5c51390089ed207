#include "sandbox/environment.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

namespace nxgate::sandbox {
namespace {

constexpr std::array<std::string_view, 4> kHidden{"DBUS_SESSION_BUS_ADDRESS",
                                                  "DBUS_SYSTEM_BUS_ADDRESS", "STY", "TMUX"};

bool names_proxy(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.ends_with("_proxy");
}

bool is_dropped(std::string_view name, bool ssh_agent) {
  return names_proxy(name) || (name == "SSH_AUTH_SOCK" && !ssh_agent) ||
         std::ranges::find(kHidden, name) != kHidden.end();
}

}  // namespace

Environment environment_inside(const char* const* variables, bool ssh_agent) {
  Environment result;
  for (; *variables != nullptr; ++variables) {
    const std::string_view variable = *variables;
    const std::string_view name = variable.substr(0, variable.find('='));
    if (is_dropped(name, ssh_agent)) {
      result.dropped.emplace_back(name);
    } else {
      result.kept.emplace_back(variable);
    }
  }
  return result;
}

}  // namespace nxgate::sandbox
