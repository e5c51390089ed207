#include "learn/proposal_json.h"

#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/address.h"
#include "learn/folds.h"
#include "learn/kinds.h"
#include "learn/proposal.h"
#include "policy/rule.h"
#include "wire/types.h"

namespace nxgate::learn {

namespace json = boost::json;

namespace {

json::array written(const std::vector<Seen>& names) {
  json::array array;
  for (const Seen& seen : names) {
    json::array types;
    for (const wire::Type type : seen.types) types.emplace_back(wire::to_string(type));
    json::array ports;
    for (const Port& port : seen.ports) ports.emplace_back(port.to_string());
    array.emplace_back(
        json::object{{"name", seen.name.to_text()},
                     {"queries", seen.count},
                     {"first", seen.first},
                     {"last", seen.last},
                     {"clients", json::array(seen.clients.begin(), seen.clients.end())},
                     {"queries_of_others", seen.from_others},
                     {"types", std::move(types)},
                     {"ports", std::move(ports)}});
  }
  return array;
}

json::object written(const ProposedRule& rule) {
  json::object object{{"rule", rule_text(rule.scope, rule.name, rule.ports)},
                      {"domain", rule.domain.to_text()}};
  if (rule.fold) object["fold"] = to_string(*rule.fold);
  object["names"] = written(rule.names);
  return object;
}

}  // namespace

json::value to_json(const Proposal& proposal) {
  json::array rules;
  for (const ProposedRule& rule : proposal.rules) rules.emplace_back(written(rule));
  json::array apart;
  for (const Apart& group : proposal.apart) {
    json::object object{{"kind", words_of(group.kind).word}};
    if (group.search_domain) object["search_domain"] = group.search_domain->to_text();
    object["names"] = written(group.names);
    apart.emplace_back(std::move(object));
  }
  return json::object{
      {"policy", proposal.policy},       {"first", proposal.first},   {"last", proposal.last},
      {"queries", proposal.queries},     {"names", proposal.names},   {"clients", proposal.clients},
      {"not_kept", proposal.overflowed}, {"rules", std::move(rules)}, {"apart", std::move(apart)}};
}

}  // namespace nxgate::learn
