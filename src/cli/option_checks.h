// What the value of an option must be, so that a slip is a mistake on the command line and not a
// fault of the configuration.
#pragma once

#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/escape.h"
#include "policy/rule.h"

namespace nxgate::cli {

/// What `parse`, a function from a text to a Result, reads without an error.
template <class Parse>
[[nodiscard]] CLI::Validator must_be(Parse parse) {
  const auto error = [parse](const std::string& text) {
    const auto read = parse(text);
    return read ? std::string() : escaped(read.error().message);
  };
  return {error, ""};
}

[[nodiscard]] CLI::Validator must_be_rule(policy::Action action);
/// `ADDR[@NETNS]`, `tcp://ADDR`.
[[nodiscard]] CLI::Validator must_be_upstream();
/// How long a rule lasts: `10m`.
[[nodiscard]] CLI::Validator must_be_time();
[[nodiscard]] CLI::Validator must_be_pid();

}  // namespace nxgate::cli
