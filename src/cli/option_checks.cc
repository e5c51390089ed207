#include "cli/option_checks.h"

#include <expected>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/duration.h"
#include "base/error.h"
#include "config/context.h"
#include "config/value.h"
#include "policy/rule.h"

namespace nxgate::cli {

CLI::Validator must_be_rule(policy::Action action) {
  return must_be([action](std::string_view text) { return policy::parse_rule(text, action); });
}

CLI::Validator must_be_upstream() {
  return must_be([](std::string_view text) -> Result<config::UpstreamServer> {
    const auto at = text.find('@');
    if (at != std::string_view::npos) {
      if (auto netns = config::parse_netns(text.substr(at + 1)); !netns) {
        return std::unexpected(netns.error());
      }
    }
    return config::parse_upstream_server(text.substr(0, at));
  });
}

CLI::Validator must_be_time() {
  return must_be([](std::string_view text) -> Result<Milliseconds> {
    const auto time = parse_duration(text);
    if (time && *time > Milliseconds(0)) return *time;
    return fail(config::in_quotes(text) + ": expected a time, such as 10m");
  });
}

CLI::Validator must_be_pid() {
  return must_be([](std::string_view text) -> Result<std::string> {
    if (config::parse_netns("pid:" + std::string(text))) return std::string(text);
    return fail(config::in_quotes(text) + ": expected a process id");
  });
}

}  // namespace nxgate::cli
