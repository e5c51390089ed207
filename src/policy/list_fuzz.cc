// Feeds list files to parse_list and what it read to the matcher.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "policy/list.h"
#include "policy/list_format.h"
#include "policy/matcher.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nxgate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::uint64_t kKey = 0x9e3779b97f4a7c15;
  policy::RuleSet rules(kKey);
  rules.add(
      policy::parse_list(text, {"fuzz.list", 0, policy::form_of(text)}, policy::Action::kAllow));
  const policy::Matcher matcher(std::move(rules), {}, {});
  for (const policy::Rule& rule : matcher.rules().standing()) {
    // What is printed is read back as the same rule, and each rule allows or leads to its name.
    const auto again = policy::parse_rule(policy::to_string(rule.scope, rule.name));
    if (!again || again->name != rule.name || again->scope != rule.scope) std::abort();
    if (matcher.match(wire::SuffixHashes(rule.name, kKey)).verdict == policy::Verdict::kDeny) {
      std::abort();
    }
  }
  return 0;
}
