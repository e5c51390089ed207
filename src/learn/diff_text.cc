#include "learn/diff_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/core.h>

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
      : rules_(rules), needed_(rules.size()), asked_(rules.size()) {
    for (std::size_t i = 0; i < rules.size(); ++i) {
      auto& at = by_name_[key_of(rules[i].name.wire())];
      at[static_cast<std::size_t>(rules[i].scope)] = i + 1;
    }
  }

  void note(const Seen& seen) {
    const policy::Rule* const rule = judge(seen.name);
    if (rule == nullptr) return;
    const auto index = static_cast<std::size_t>(rule - rules_.data());
    asked_[index] = true;
    if (seen.outcome != Outcome::kMissing) needed_[index] = true;
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
  [[nodiscard]] bool needed(std::size_t index) const { return needed_[index]; }
  [[nodiscard]] bool asked(std::size_t index) const { return asked_[index]; }

 private:
  using PerScope = std::array<std::size_t, 3>;  // index + 1, 0: no rule

  static std::string key_of(Bytes name) { return {name.begin(), name.end()}; }
  [[nodiscard]] const policy::Rule* rule(const PerScope& at, policy::Scope scope) const {
    const std::size_t index = at[static_cast<std::size_t>(scope)];
    return index == 0 ? nullptr : &rules_[index - 1];
  }

  std::span<const policy::Rule> rules_;
  boost::unordered_flat_map<std::string, PerScope> by_name_;
  std::vector<bool> needed_;
  std::vector<bool> asked_;
};

/// Whether some name of the rule isn't allowed yet; `obstacle` becomes a rule that denies one.
bool adds_something(const ProposedRule& rule, const Current& current, const Usage& usage,
                    const policy::Rule*& obstacle) {
  bool adds = false;
  for (const Seen& seen : rule.names) {
    if (current.allowed(seen.name)) continue;
    adds = true;
    const policy::Rule* const judge = usage.judge(seen.name);
    if (judge != nullptr && judge->action == policy::Action::kDeny) obstacle = judge;
  }
  return adds;
}

std::string place_and_rule(const policy::Rule& rule) {
  return fmt::format("{} ({})", policy::to_string(rule.scope, rule.name),
                     escaped(to_string(rule.at)));
}

std::string additions(const Proposal& proposal, const Current& current, const Usage& usage,
                      std::size_t& count) {
  std::string text;
  for (const ProposedRule& rule : proposal.rules) {
    const policy::Rule* obstacle = nullptr;
    if (!adds_something(rule, current, usage, obstacle)) continue;
    ++count;
    text += fmt::format("+ {}  # {}\n", rule_text(rule.scope, rule.name, rule.ports), reason(rule));
    append_names(text, rule, kNamesShownInDiff);
    if (obstacle != nullptr) {
      text += fmt::format("#   denied now by {}\n", place_and_rule(*obstacle));
    }
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
  const std::string add = additions(proposal, current, usage, added);
  std::string remove;
  for (std::size_t i = 0; i < current.rules.size(); ++i) {
    const policy::Rule& rule = current.rules[i];
    if (rule.action != policy::Action::kAllow || rule.at.file == policy::kBuiltIn) continue;
    if (usage.needed(i)) {
      ++kept;
      continue;
    }
    ++removed;
    remove +=
        fmt::format("- {}  # {}: {}\n", rule_text(rule.scope, rule.name, rule.ports),
                    escaped(to_string(rule.at)),
                    usage.asked(i) ? "what was asked for never existed" : "nothing asked for it");
  }
  return fmt::format("# Learned for {}.\n# {} to add, {} to remove, {} unchanged\n{}{}",
                     summary(proposal), counted(added, "rule"), removed, kept, add, remove);
}

}  // namespace nxgate::learn
