#include "learn/proposal.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>

#include "base/address.h"
#include "learn/folds.h"
#include "learn/kinds.h"
#include "learn/labels.h"
#include "learn/record.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

Seen seen(const Record& record, const Record::Named& named) {
  const Sighting& from = *named.sighting;
  Seen to{.name = named.name,
          .outcome = from.outcome,
          .count = from.count,
          .first = from.first,
          .last = from.last,
          .from_others = from.from_others,
          .types = from.types,
          .ports = from.ports};
  for (const std::uint32_t client : from.clients) to.clients.push_back(record.clients()[client]);
  return to;
}

void count(Proposal& proposal, const Sighting& sighting) {
  proposal.first =
      proposal.queries == 0 ? sighting.first : std::min(proposal.first, sighting.first);
  proposal.last = std::max(proposal.last, sighting.last);
  proposal.queries += sighting.count;
}

void add_ports(Ports& to, const Ports& from) {
  Ports both;
  std::ranges::set_union(to, from, std::back_inserter(both));
  to = std::move(both);
}

ProposedRule exact(Seen seen) {
  ProposedRule rule{.scope = policy::Scope::kExact, .name = seen.name, .ports = seen.ports};
  rule.names.push_back(std::move(seen));
  return rule;
}

/// One rule a fold, and one a name that no fold covers. Both arguments are in root-first order.
std::vector<ProposedRule> rules_for(std::vector<Seen> wanted, std::vector<Fold> folds) {
  std::vector<ProposedRule> rules;
  auto fold = folds.begin();
  for (Seen& one : wanted) {
    const auto covers = [&](const Fold& by) { return one.name.is_at_or_below(by.suffix); };
    // The fold that is current covers it, or the next one does, or none.
    if (!rules.empty() && rules.back().fold && covers(*rules.back().fold)) {
      ProposedRule& rule = rules.back();
      add_ports(rule.ports, one.ports);
      rule.names.push_back(std::move(one));
    } else if (fold != folds.end() && covers(*fold)) {
      ProposedRule& rule = rules.emplace_back(exact(std::move(one)));
      const bool itself = rule.name == fold->suffix;
      rule.scope = itself ? policy::Scope::kSubtree : policy::Scope::kBelow;
      rule.name = fold->suffix;
      rule.fold = std::move(*fold++);
    } else {
      rules.push_back(exact(std::move(one)));
    }
  }
  return rules;
}

/// As an operator looks for them: by domain, and within it from the top down.
bool stands_before(const ProposedRule& one, const ProposedRule& other) {
  if (one.domain == other.domain) return root_first(one.name, other.name);
  return one.domain.to_text() < other.domain.to_text();
}

}  // namespace

Proposal propose(const Record& record, const FoldLimits& limits) {
  Proposal proposal{.policy = record.policy(),
                    .first = record.started(),
                    .last = record.stopped().value_or(record.started()),
                    .names = record.size(),
                    .clients = record.clients().size(),
                    .overflowed = record.overflowed()};
  const std::vector<Record::Named> names = record.names();
  const auto search_domains = find_search_domains(record, names);
  std::vector<Seen> wanted;
  std::vector<wire::DomainName> wanted_names;
  std::map<std::pair<Kind, std::string>, Apart> apart;
  for (std::size_t i = 0; i < names.size(); ++i) {
    count(proposal, *names[i].sighting);
    const auto& domain = search_domains[i];
    const Kind kind = kind_of(names[i].name, *names[i].sighting, domain.has_value());
    if (kind == Kind::kWanted) {
      wanted_names.push_back(names[i].name);
      wanted.push_back(seen(record, names[i]));
      continue;
    }
    const bool by_search = kind == Kind::kSearch;
    Apart& group = apart[{kind, by_search ? domain->to_text() : std::string()}];
    group.kind = kind;
    if (by_search) group.search_domain = domain;
    group.names.push_back(seen(record, names[i]));
  }
  proposal.rules = rules_for(std::move(wanted), find_folds(wanted_names, limits));
  for (ProposedRule& rule : proposal.rules) rule.domain = policy::registered_domain(rule.name);
  std::ranges::sort(proposal.rules, stands_before);
  for (auto& [key, group] : apart) proposal.apart.push_back(std::move(group));
  return proposal;
}

std::string rule_text(policy::Scope scope, const wire::DomainName& name, const Ports& ports) {
  std::string text = policy::to_string(scope, name);
  char before = ':';
  for (const Port& port : ports) {
    const auto has = [&](std::uint8_t protocol) {
      return std::ranges::find(ports, Port{protocol, port.number}) != ports.end();
    };
    const bool both = has(IPPROTO_TCP) && has(IPPROTO_UDP);
    if (both && port.protocol == IPPROTO_UDP) continue;
    text += before;
    text += both ? std::to_string(port.number) : port.to_string();
    before = ',';
  }
  return text;
}

}  // namespace nxgate::learn
