// Rules that outlive a restart, in files of our own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "policy/rule.h"
#include "store/runtime_rules.h"
#include "sys/descriptor.h"
#include "sys/state_directory.h"

namespace nxgate::store {

/// Puts the rule, as written, into the policy's list below `state`, with who, when and why, in
/// place of what was saved for the same names. Returns the path of the list; the error says what is
/// wrong and what to do. All is written before anything is replaced, so that after an error every
/// list is as it was.
[[nodiscard]] Result<std::string> save_rule(const std::string& state, const std::string& policy,
                                            const std::string& text, const RuntimeRule& added);

/// Takes rules for the same names out of the policy's lists, with the same promise; whether there
/// were any.
[[nodiscard]] Result<bool> forget_rule(const std::string& state, const std::string& policy,
                                       const policy::Rule& rule);

/// What reading the saved rules found out.
struct SavedRules {
  Faults faults;                     ///< lists that are there and can't be read
  Faults skipped;                    ///< lines that are no rules, which are left out; some of them
  std::vector<std::string> notices;  ///< a sentence for each list with such lines
  std::vector<std::string> watched;  ///< the lists that are there
};

/// Reads all lists below `control.state` into the policies they belong to.
[[nodiscard]] SavedRules read_saved_rules(config::Settings& settings);

/// Where things of one policy are kept below the directory: a policy may be called anything, a
/// directory may not.
[[nodiscard]] std::string state_folder(std::string policy);

/// Makes the directory for `user`, as root at start, and keeps other servers out of it while what
/// it returns is open. The error is for the log.
[[nodiscard]] Result<std::optional<sys::Descriptor>> prepare_state(const std::string& state,
                                                                   const std::string& user);

}  // namespace nxgate::store
