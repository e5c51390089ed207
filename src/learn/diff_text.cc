#include "learn/diff_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/core.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/escape.h"
#include "learn/labels.h"
#include "learn/list_text.h"
#include "learn/proposal.h"
#include "learn/words.h"
#include "policy/rule.h"
#include "policy/special_names.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

constexpr std::size_t kNamesShownInDiff = 10;

/// The current rules by name, and what was observed of each.
class Usage {
 public:
  explicit Usage(std::span<const policy::Rule> rules)
      : rules_(rules), needed_(rules.size()), asked_(rules.size()), replaced_by_(rules.size()) {
    for (std::size_t i = 0; i < rules.size(); ++i) {
      auto& at = by_name_[key_of(rules[i].name.wire())];
      at[static_cast<std::size_t>(rules[i].scope)] = i + 1;
    }
  }

  void note(const Seen& seen) {
    const policy::Rule* const rule = judge(seen.name);
    if (rule == nullptr) return;
    asked_[index_of(*rule)] = true;
    if (seen.outcome != Existence::kMissing) needed_[index_of(*rule)] = true;
  }

  /// The rule with the longest match; null if there is none.
  [[nodiscard]] const policy::Rule* judge(const wire::DomainName& name) const {
    const Labels labels(name);
    for (std::size_t depth = labels.count() + 1; depth-- > 0;) {
      const auto at = by_name_.find(key_of(labels.suffix(depth)));
      if (at == by_name_.end()) continue;
      const bool itself = depth == labels.count();
      const policy::Rule* const one =
          rule(at->second, itself ? policy::Scope::kExact : policy::Scope::kBelow);
      const policy::Rule* const other = rule(at->second, policy::Scope::kSubtree);
      if (one == nullptr && other == nullptr) continue;
      if (one == nullptr || other == nullptr) return one == nullptr ? other : one;
      return other->action == policy::Action::kDeny ? other : one;
    }
    return nullptr;
  }

  /// A proposed rule shall decide on `name`: the one that would still stand before it gives way.
  void give_way(const wire::DomainName& name, const ProposedRule& to) {
    const policy::Rule* const rule = judge(name);
    if (rule == nullptr || rule->action == policy::Action::kDeny) return;
    const std::size_t length = rule->name.wire().size();
    const std::size_t other = to.name.wire().size();
    const bool wins =
        length > other ||
        (length == other && (rule->scope == to.scope || to.scope == policy::Scope::kSubtree));
    if (wins) replaced_by_[index_of(*rule)] = policy::to_string(to.scope, to.name);
  }

  /// Why a rule needn't stand any longer; empty if it must.
  [[nodiscard]] std::string why_not(std::size_t index) const {
    if (!replaced_by_[index].empty()) return "replaced by " + replaced_by_[index];
    if (needed_[index]) return "";
    return asked_[index] ? "the queried names never existed" : "no query matched it";
  }

 private:
  using PerScope = std::array<std::size_t, 3>;  // index + 1, 0: no rule

  [[nodiscard]] std::size_t index_of(const policy::Rule& rule) const {
    return static_cast<std::size_t>(&rule - rules_.data());
  }
  static std::string key_of(Bytes name) { return {name.begin(), name.end()}; }
  [[nodiscard]] const policy::Rule* rule(const PerScope& at, policy::Scope scope) const {
    const std::size_t index = at[static_cast<std::size_t>(scope)];
    return index == 0 ? nullptr : &rules_[index - 1];
  }

  std::span<const policy::Rule> rules_;
  boost::unordered_flat_map<std::string, PerScope> by_name_;
  std::vector<bool> needed_;
  std::vector<bool> asked_;
  std::vector<std::string> replaced_by_;
};

/// What a proposed rule would let through that nothing lets through now.
struct Gain {
  bool names = false;
  const policy::Rule* denial = nullptr;  ///< that stands against one of the names
  std::set<Port> ports;                  ///< of names that are allowed already

  [[nodiscard]] bool any() const { return names || !ports.empty(); }
};

Ports closed_of(const Ports& used, const Ports& opened) {
  Ports closed;
  if (opened.empty()) return closed;
  std::ranges::copy_if(used, std::back_inserter(closed), [&opened](const Port& port) {
    return std::ranges::find(opened, port) == opened.end();
  });
  return closed;
}

Gain gain_of(const ProposedRule& rule, const Current& current, Usage& usage) {
  Gain gain;
  for (const Seen& seen : rule.names) {
    if (current.allowed(seen.name)) {
      const Ports closed = closed_of(seen.ports, current.opened(seen.name));
      if (closed.empty()) continue;
      usage.give_way(seen.name, rule);
      gain.ports.insert(closed.begin(), closed.end());
      continue;
    }
    gain.names = true;
    const policy::Rule* const judge = usage.judge(seen.name);
    if (judge != nullptr && judge->action == policy::Action::kDeny) gain.denial = judge;
  }
  return gain;
}

std::string place_and_rule(const policy::Rule& rule) {
  return fmt::format("{} ({})", policy::to_string(rule.scope, rule.name),
                     escaped(to_string(rule.at)));
}

std::string addition(const ProposedRule& rule, const Gain& gain) {
  std::string text =
      fmt::format("+ {}  # {}\n", rule_text(rule.scope, rule.name, rule.ports), reason(rule));
  append_names(text, rule, kNamesShownInDiff);
  if (gain.denial != nullptr) {
    text += fmt::format("#   currently denied by {}\n", place_and_rule(*gain.denial));
  }
  for (const Port& port : gain.ports) {
    text += fmt::format("#   {} is currently closed\n", port.to_string());
  }
  return text;
}

}  // namespace

std::string to_diff(const Proposal& proposal, const Current& current) {
  Usage usage(current.rules);
  for (const ProposedRule& rule : proposal.rules) {
    for (const Seen& seen : rule.names) usage.note(seen);
  }
  for (const Apart& group : proposal.apart) {
    for (const Seen& seen : group.names) usage.note(seen);
  }
  std::size_t added = 0;
  std::size_t removed = 0;
  std::size_t kept = 0;
  std::string add;
  for (const ProposedRule& rule : proposal.rules) {
    const Gain gain = gain_of(rule, current, usage);
    if (!gain.any()) continue;
    ++added;
    add += addition(rule, gain);
  }
  std::string remove;
  for (std::size_t i = 0; i < current.rules.size(); ++i) {
    const policy::Rule& rule = current.rules[i];
    if (rule.action != policy::Action::kAllow || rule.at.file == policy::kBuiltIn) continue;
    const std::string why = usage.why_not(i);
    if (why.empty()) {
      ++kept;
      continue;
    }
    ++removed;
    remove += fmt::format("- {}  # {}: {}\n", rule_text(rule.scope, rule.name, rule.ports),
                          escaped(to_string(rule.at)), why);
  }
  return fmt::format("# Learned for {}.\n# {} to add, {} to remove, {} unchanged\n{}{}",
                     summary(proposal), counted(added, "rule"), removed, kept, add, remove);
}

}  // namespace nxgate::learn
