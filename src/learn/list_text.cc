#include "learn/list_text.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

#include <fmt/core.h>

#include "learn/folds.h"
#include "learn/kinds.h"
#include "learn/proposal.h"
#include "learn/words.h"
#include "policy/rule.h"

namespace nxgate::learn {
namespace {

std::string exact_text(const Seen& seen) {
  return rule_text(policy::Scope::kExact, seen.name, seen.ports);
}

void append_rest(std::string& text, std::size_t all, std::size_t shown) {
  if (all > shown) text += fmt::format("#   and {} more\n", all - shown);
}

void append_apart(std::string& text, const Apart& group, std::size_t names_shown) {
  text += fmt::format("\n# {}", words_of(group.kind).title);
  if (group.search_domain) text += " " + group.search_domain->to_text();
  text += fmt::format(": {}, {}\n", counted(group.names.size(), "name"), usage(group.names));
  const std::size_t shown = std::min(names_shown, group.names.size());
  for (const Seen& seen : std::span(group.names).first(shown)) {
    text += fmt::format("#{}  # {}\n", exact_text(seen), usage({&seen, 1}));
  }
  append_rest(text, group.names.size(), shown);
}

}  // namespace

std::string reason(const ProposedRule& rule) {
  std::string text;
  if (rule.fold) {
    text = fmt::format("folds {}: {}; ", counted(rule.names.size(), "name"), to_string(*rule.fold));
  }
  return text + usage(rule.names);
}

void append_names(std::string& text, const ProposedRule& rule, std::size_t names_shown) {
  if (!rule.fold) return;
  const std::size_t shown = std::min(names_shown, rule.names.size());
  for (const Seen& seen : std::span(rule.names).first(shown)) {
    text += fmt::format("#   {}  {}\n", exact_text(seen), usage({&seen, 1}));
  }
  append_rest(text, rule.names.size(), shown);
}

std::string to_list(const Proposal& proposal, std::size_t names_shown) {
  std::string text = fmt::format(
      "# Learned for {}.\n"
      "# NAME allows NAME and everything below it, *.NAME only names below it, =NAME only NAME.\n",
      summary(proposal));
  const ProposedRule* before = nullptr;
  for (const ProposedRule& rule : proposal.rules) {
    if (before == nullptr || before->domain != rule.domain) {
      text += fmt::format("\n# {}\n", rule.domain.to_text());
    }
    before = &rule;
    text += fmt::format("{}  # {}\n", rule_text(rule.scope, rule.name, rule.ports), reason(rule));
    append_names(text, rule, names_shown);
  }
  if (!proposal.apart.empty()) {
    text +=
        "\n# Not allowed by the rules above. To allow one of these, remove the # in front of it.\n";
  }
  for (const Apart& group : proposal.apart) append_apart(text, group, names_shown);
  return text;
}

}  // namespace nxgate::learn
