#include "app/saved_rules.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

#include "app/amendments.h"
#include "base/error.h"
#include "config/context.h"
#include "config/policy_source.h"
#include "config/settings.h"
#include "policy/rule.h"
#include "sys/file.h"
#include "sys/privileges.h"

namespace nxgate::app {
namespace {

namespace fs = std::filesystem;
using policy::Action;

constexpr std::size_t kLargestList = 16UL << 20;
constexpr std::string_view kHeader =
    "# Rules of `nxgate allow --save` and `nxgate deny --save`; nxgate writes this file anew.\n";

std::string path_of(const std::string& state, const std::string& policy, Action action) {
  return fmt::format("{}/{}.d/saved.list", state_directory(state, policy),
                     action == Action::kAllow ? "allow" : "deny");
}

/// A line's rule without its comment; nothing on other lines.
Result<policy::ParsedRule> rule_in(std::string_view line) {
  return policy::parse_rule(line.substr(0, line.find('#')));
}

/// The text without the lines whose rule is for these names; and whether there were any.
struct Rest {
  std::string text;
  bool found = false;
};
Rest without(const std::string& text, const policy::Rule& rule) {
  Rest rest;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end;
    const auto parsed = rule_in(line);
    if (parsed && parsed->name == rule.name && parsed->scope == rule.scope) {
      rest.found = true;
    } else {
      rest.text += line;
    }
  }
  return rest;
}

bool forget_in(const std::string& path, const policy::Rule& rule) {
  const auto text = sys::read_file(path, kLargestList);
  if (!text) return false;
  const Rest rest = without(*text, rule);
  return rest.found && sys::replace_file(path, rest.text);
}

}  // namespace

std::string state_directory(const std::string& state, std::string policy) {
  std::ranges::replace(policy, '/', '_');
  if (policy.starts_with('.')) policy.front() = '_';
  return state + "/" + policy;
}

Result<void> replace_in_state(const std::string& path, std::string_view text) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) {
    return fail(
        fmt::format("its directory can't be made: {}; make that of control.state again for the "
                    "server's user, or restart nxgate, which does so",
                    error.message()));
  }
  return sys::replace_file(path, text);
}

Result<std::string> save_rule(const std::string& state, const std::string& policy,
                              const std::string& text, const Amendment& amendment) {
  if (state.empty()) {
    return fail(
        "nothing can be saved: the configuration names no directory for it, as in "
        "`[control] state = \"/var/lib/nxgate\"`");
  }
  const policy::Rule& rule = amendment.rule;
  const Action other = rule.action == Action::kAllow ? Action::kDeny : Action::kAllow;
  forget_in(path_of(state, policy, other), rule);
  const std::string path = path_of(state, policy, rule.action);
  std::string list = sys::read_file(path, kLargestList).value_or(std::string(kHeader));
  list = without(list, rule).text;
  if (!list.empty() && !list.ends_with('\n')) list += '\n';
  list += fmt::format("{}  # {:%Y-%m-%d %H:%M} UTC, {}{}\n", text,
                      fmt::gmtime(std::chrono::system_clock::to_time_t(amendment.since)),
                      amendment.by, amendment.why.empty() ? "" : ": " + amendment.why);
  if (auto written = replace_in_state(path, list); !written) {
    return fail(fmt::format("{}: {}", path, written.error().message));
  }
  return path;
}

bool forget_rule(const std::string& state, const std::string& policy, const policy::Rule& rule) {
  if (state.empty()) return false;
  const bool allowed = forget_in(path_of(state, policy, Action::kAllow), rule);
  const bool denied = forget_in(path_of(state, policy, Action::kDeny), rule);
  return allowed || denied;
}

void read_saved_rules(config::Context& context, config::Settings& settings) {
  const std::string& state = settings.control.state;
  if (state.empty()) return;
  for (config::PolicySettings& policy : settings.policies) {
    for (const Action action : {Action::kAllow, Action::kDeny}) {
      const std::string path = path_of(state, policy.name.name, action);
      if (!context.files.read(path)) continue;  // nothing was saved yet
      config::add_rule_files(context, policy, action, {path, {"control.state", 0, 0}});
    }
  }
}

Result<void> prepare_state(const std::string& state, const std::string& user) {
  if (state.empty()) return {};
  std::error_code error;
  fs::create_directories(state, error);
  if (error) return fail(fmt::format("control.state: {}: {}", state, error.message()));
  if (::geteuid() != 0) return {};
  const auto identity = sys::find_user(user);
  if (!identity || ::chown(state.c_str(), identity->user, identity->group) != 0) {
    return fail(fmt::format("control.state: {} can't be given to {}: {}", state, user,
                            std::generic_category().message(errno)));
  }
  return {};
}

}  // namespace nxgate::app
