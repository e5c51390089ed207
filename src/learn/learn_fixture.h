// A record in few words, for the tests of this room.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "learn/proposal.h"
#include "learn/record.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::learn {

inline constexpr std::int64_t kNoon = 1'795'435'200;  // 2026-11-23 12:00 UTC
inline constexpr std::int64_t kDay = 86'400;

inline wire::DomainName name_of(std::string_view text) {
  return wire::DomainName::from_text(text).value();
}

struct Asked {
  std::string_view name;
  Existence outcome = Existence::kExists;
  std::string_view client = "10.0.0.5";
  std::int64_t when = kNoon;
  wire::Type type = wire::Type::kA;
};

inline void add(Record& record, const Asked& asked) {
  record.add({.name = name_of(asked.name),
              .type = asked.type,
              .outcome = asked.outcome,
              .client = asked.client,
              .when = asked.when});
}

inline Record record_of(std::initializer_list<Asked> all) {
  Record record("ci", kNoon);
  for (const Asked& asked : all) add(record, asked);
  return record;
}

/// The rules of a proposal as text.
inline std::vector<std::string> rules_of(const Proposal& proposal) {
  std::vector<std::string> rules;
  for (const ProposedRule& rule : proposal.rules) {
    rules.push_back(rule_text(rule.scope, rule.name, rule.ports));
  }
  return rules;
}

inline std::vector<std::string> rules_of(std::initializer_list<Asked> all) {
  return rules_of(propose(record_of(all)));
}

}  // namespace nxgate::learn
