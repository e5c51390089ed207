// Filling a policy from what the operator wrote: rules, records, and the files of either.
//
// All functions report faults to the context, at the place of the text or inside the file.
#pragma once

#include <optional>

#include "config/context.h"
#include "config/settings.h"
#include "policy/list_format.h"
#include "policy/rule.h"

namespace nxgate::config {

void add_rule(Context& context, PolicySettings& policy, policy::Action action, const Text& rule);

/// Every rule of the preset of that name.
void add_preset(Context& context, PolicySettings& policy, const Text& name);

/// Every rule of the list files that `pattern` stands for; without a format it is told by each.
void add_rule_files(Context& context, PolicySettings& policy, policy::Action action,
                    const Text& pattern, std::optional<policy::ListFormat> format);

void add_record(Context& context, PolicySettings& policy, const Text& record);
void add_hosts_files(Context& context, PolicySettings& policy, const Text& pattern);

/// What A and AAAA questions for denied names get; one address of each family.
void add_deny_address(Context& context, PolicySettings& policy, const Text& address);

}  // namespace nxgate::config
