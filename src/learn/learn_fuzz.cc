// Any text as a record; and what a record proposes is a list without a fault that allows it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "base/address.h"
#include "learn/diff_text.h"
#include "learn/list_text.h"
#include "learn/proposal.h"
#include "learn/record_json.h"
#include "policy/list.h"
#include "policy/matcher.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nxgate;
  constexpr std::uint64_t kKey = 0x9e3779b97f4a7c15;
  const auto record = learn::record_from_json({reinterpret_cast<const char*>(data), size});
  if (!record) {
    if (record.error().message.empty()) std::abort();
    return 0;
  }
  const std::string text = learn::to_json(*record);
  const auto again = learn::record_from_json(text);
  if (!again || learn::to_json(*again) != text) std::abort();

  const learn::Proposal proposal = learn::propose(*record);
  policy::RuleSet rules(kKey);
  const std::string list = learn::to_list(proposal);
  const auto parsed = policy::parse_list(list, {"fuzz.list"}, policy::Action::kAllow);
  if (!parsed.faults.empty()) std::abort();
  rules.add(parsed);
  if (rules.size() != proposal.rules.size()) std::abort();
  const policy::Matcher matcher(std::move(rules), {}, {});
  const auto allowed = [&](const wire::DomainName& name) {
    return matcher.match(wire::SuffixHashes(name, kKey)).verdict == policy::Verdict::kAllow;
  };
  const auto opened = [&](const wire::DomainName& name) {
    const Ports* const own = matcher.ports_of(matcher.match(wire::SuffixHashes(name, kKey)));
    return own != nullptr ? *own : Ports();
  };
  for (const learn::ProposedRule& rule : proposal.rules) {
    for (const learn::Seen& seen : rule.names) {
      if (!allowed(seen.name)) std::abort();
    }
  }
  const auto standing = matcher.rules().standing();
  const std::string diff =
      learn::to_diff(proposal, {.allowed = allowed, .opened = opened, .rules = standing});
  if (diff.find("\n+ ") != std::string::npos || diff.find("\n- ") != std::string::npos) {
    std::abort();
  }
  return 0;
}
