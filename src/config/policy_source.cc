#include "config/policy_source.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/address.h"
#include "base/error.h"
#include "config/context.h"
#include "config/settings.h"
#include "config/value.h"
#include "policy/local_data.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/types.h"

namespace nxgate::config {
namespace {

/// Reads one file's text and reports what is wrong inside it.
using ParseFile = std::function<Faults(std::string_view text, std::string_view file)>;

void read_files(Context& context, const Text& pattern, const ParseFile& parse) {
  const std::string path = context.resolve(pattern.value);
  context.watched.push_back(path);
  auto files = context.files.expand(path);
  if (!files) {
    context.fault(pattern.at, fmt::format("{}: {}", quoted(path), files.error().message));
    return;
  }
  for (const std::string& file : *files) {
    auto text = context.files.read(file);
    if (!text) {
      context.fault(pattern.at, fmt::format("{}: {}", quoted(file), text.error().message));
      continue;
    }
    Faults faults = parse(*text, file);
    std::move(faults.begin(), faults.end(), std::back_inserter(context.faults));
  }
}

}  // namespace

void add_rule(Context& context, PolicySettings& policy, policy::Action action, const Text& rule) {
  const auto parsed = policy::parse_rule(rule.value, action);
  if (!parsed) return context.fault(rule.at, parsed.error().message);
  policy.rules.add({parsed->name, parsed->scope, action, rule.at, parsed->ports});
}

void add_rule_files(Context& context, PolicySettings& policy, policy::Action action,
                    const Text& pattern) {
  read_files(context, pattern, [&](std::string_view text, std::string_view file) {
    return policy::parse_list(text, file, action, policy.rules);
  });
}

void add_record(Context& context, PolicySettings& policy, const Text& record) {
  auto parsed = policy::parse_record(record.value);
  if (!parsed) return context.fault(record.at, parsed.error().message);
  policy.local_cnames |= parsed->record.type == wire::Type::kCname;
  policy.local.add(parsed->owner, parsed->wildcard, std::move(parsed->record));
}

void add_hosts_files(Context& context, PolicySettings& policy, const Text& pattern) {
  read_files(context, pattern, [&](std::string_view text, std::string_view file) {
    return policy::parse_hosts(text, file, policy.local);
  });
}

void add_deny_address(Context& context, PolicySettings& policy, const Text& address) {
  const auto parsed = parse_address(address.value);
  if (!parsed) return context.fault(address.at, parsed.error().message);
  std::optional<IpAddress>& place = parsed->is_v4() ? policy.deny_v4 : policy.deny_v6;
  if (place) {
    context.fault(address.at, fmt::format("{}: expected one address of each family, and {} stands "
                                          "there already",
                                          quoted(address.value), place->to_string()));
    return;
  }
  place = *parsed;
}

}  // namespace nxgate::config
