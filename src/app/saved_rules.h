// Rules that outlive a restart, in files of our own.
#pragma once

#include <string>
#include <string_view>

#include "app/amendments.h"
#include "base/error.h"
#include "config/context.h"
#include "config/settings.h"
#include "policy/rule.h"

namespace nxgate::app {

/// Appends the rule, as written, to the policy's list below `state`, with who, when and why; or
/// puts it in place of the one for the same names. The file is replaced as a whole. Returns its
/// path; the error says what is missing.
[[nodiscard]] Result<std::string> save_rule(const std::string& state, const std::string& policy,
                                            const std::string& text, const Amendment& amendment);

/// Takes rules for the same names out of the policy's lists; whether there were any.
bool forget_rule(const std::string& state, const std::string& policy, const policy::Rule& rule);

/// Reads all lists below `state` into the policies they belong to.
void read_saved_rules(config::Context& context, config::Settings& settings);

/// Where things of one policy are kept: a policy may be called anything, a directory may not.
[[nodiscard]] std::string state_directory(const std::string& state, std::string policy);

/// Replaces a file there at once and whole, and makes its directory.
[[nodiscard]] Result<void> replace_in_state(const std::string& path, std::string_view text);

/// Makes the directory for `user`, as root at start. The error is for the log: saving won't work.
[[nodiscard]] Result<void> prepare_state(const std::string& state, const std::string& user);

}  // namespace nxgate::app
