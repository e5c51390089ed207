#include "policy/special_names.h"

#include <array>
#include <string_view>
#include <utility>

#include "policy/local_data.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

// Records of one owner stand together: the owner as a whole is the operator's or ours.
constexpr auto kOwners = std::to_array<std::array<std::string_view, 2>>({
    {"localhost A 127.0.0.1", "localhost AAAA ::1"},
    {"*.localhost A 127.0.0.1", "*.localhost AAAA ::1"},
    {"1.0.0.127.in-addr.arpa PTR localhost"},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa PTR localhost"},
});

constexpr auto kDenied = std::to_array<std::string_view>({"invalid", "onion"});

void add_owner(const std::array<std::string_view, 2>& texts, const RuleSet& rules,
               LocalData& local) {
  bool ours = false;
  for (const std::string_view text : texts) {
    if (text.empty()) continue;
    ParsedRecord parsed = parse_record(text).value();
    if (!ours && (rules.mentions(parsed.owner) || local.owns(parsed.owner, parsed.wildcard))) {
      return;
    }
    ours = true;
    local.add(parsed.owner, parsed.wildcard, std::move(parsed.record));
  }
}

}  // namespace

void add_special_names(RuleSet& rules, LocalData& local) {
  for (const auto& owner : kOwners) add_owner(owner, rules, local);
  for (const std::string_view text : kDenied) {
    const wire::DomainName name = wire::DomainName::from_text(text).value();
    if (rules.mentions(name) || local.owns(name, false) || local.owns(name, true)) continue;
    rules.add({.name = name,
               .scope = Scope::kSubtree,
               .action = Action::kDeny,
               .at = {.file = kBuiltIn}});
  }
}

}  // namespace nxgate::policy
