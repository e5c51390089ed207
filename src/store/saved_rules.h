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

/// Saves the rule, as written, to the policy's list below `state`, with user, time and reason, in
/// place of what was saved for the same names. Returns the path of the list; the error says what is
/// wrong and what to do. Everything is written before anything is replaced, so that after an error
/// every list is unchanged.
[[nodiscard]] Result<std::string> save_rule(const std::string& state, const std::string& policy,
                                            const std::string& text, const RuntimeRule& added);

/// Removes rules for the same names from the policy's lists, with the same guarantee; returns
/// whether there were any.
[[nodiscard]] Result<bool> forget_rule(const std::string& state, const std::string& policy,
                                       const policy::Rule& rule);

/// The result of reading the saved rules.
struct SavedRules {
  Faults faults;                     ///< lists that exist and can't be read
  Faults skipped;                    ///< invalid lines, which are ignored; some of them
  std::vector<std::string> notices;  ///< a message for each list with such lines
  std::vector<std::string> watched;  ///< the existing lists
};

/// Reads all lists below `control.state` into the policies they belong to.
[[nodiscard]] SavedRules read_saved_rules(config::Settings& settings);

/// The directory name for a policy below `state`: a policy may have any name, a directory may not.
[[nodiscard]] std::string state_folder(std::string policy);

/// Why nothing can be saved in the directory now, and what to do; nothing if all is well, or if
/// there is no directory.
[[nodiscard]] std::optional<std::string> state_fault(const std::string& state);

/// Creates the directory for `user`, as root at start, and locks it against other servers while the
/// result is open. The error is for the log.
[[nodiscard]] Result<std::optional<sys::Descriptor>> prepare_state(const std::string& state,
                                                                   const std::string& user);

}  // namespace nxgate::store
