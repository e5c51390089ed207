// The rules that would let clients do what they were seen to do, each with its evidence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "learn/folds.h"
#include "learn/kinds.h"
#include "learn/record.h"
#include "policy/rule.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::learn {

/// A name and what is known of it. Times are seconds since 1970, UTC.
struct Seen {
  wire::DomainName name;
  Existence outcome{};
  std::uint64_t count = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::vector<std::string> clients;  ///< Record::kMostClientsOfName at most
  std::uint64_t from_others = 0;     ///< queries by clients beyond those
  std::vector<wire::Type> types;
  Ports ports;
};

/// A rule to allow, and the names behind it in root-first order; a fold has at least two.
struct ProposedRule {
  policy::Scope scope = policy::Scope::kExact;
  wire::DomainName name;
  Ports ports;              ///< those of its names together; none if there were none
  wire::DomainName domain;  ///< the registered domain
  std::optional<Fold> fold;
  std::vector<Seen> names;
};

/// Names set apart for one reason, in root-first order.
struct Apart {
  Kind kind{};
  std::optional<wire::DomainName> search_domain;  ///< of Kind::kSearch
  std::vector<Seen> names;
};

struct Proposal {
  std::string policy;
  std::int64_t first = 0;  ///< of the observations, or when learning started if there are none
  std::int64_t last = 0;
  std::uint64_t queries = 0;
  std::size_t names = 0;
  std::size_t clients = 0;
  std::uint64_t overflowed = 0;     ///< queries for names that found no room in the record
  std::vector<ProposedRule> rules;  ///< by registered domain, none covered by another
  std::vector<Apart> apart;         ///< by kind
};

/// Throws nothing but bad_alloc. It takes a while for many names: not for a worker's thread.
[[nodiscard]] Proposal propose(const Record& record, const FoldLimits& limits = {});

/// `=name`, `*.name` or `name`, with its ports behind, as a list has it.
[[nodiscard]] std::string rule_text(policy::Scope scope, const wire::DomainName& name,
                                    const Ports& ports);

}  // namespace nxgate::learn
