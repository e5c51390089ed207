// The compiled form of a policy's rules: which verdict a name gets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "policy/rule.h"
#include "policy/rule_set.h"
#include "policy/suffix_table.h"
#include "wire/name.h"

namespace nxgate::policy {

/// What becomes of a name. The zero value denies.
enum class Verdict : std::uint8_t {
  kDeny = 0,
  kAncestor,  ///< itself denied, but an allowed or local name lies below it: NODATA (RFC 8020)
  kLocal,     ///< answered from local data
  kAllow,
};

/// The outcome for one name. `route` is an index into the policy's routes; kNoRoute when none
/// applies.
struct Match {
  static constexpr std::uint16_t kNoRoute = SuffixNode::kNoRoute;

  Verdict verdict = Verdict::kDeny;
  std::uint16_t route = kNoRoute;
  StandingRule rule{};  ///< only if `by_rule`

  /// False if local data decided, or the default.
  [[nodiscard]] bool by_rule() const noexcept { return rule.number != Ruling::kNoRule; }

  bool operator==(const Match&) const = default;
};

/// A name whose subtree is resolved by another upstream group, or by none.
struct Route {
  static constexpr std::uint16_t kNowhere = UINT16_MAX;

  wire::DomainName name;
  std::uint16_t upstream = 0;  ///< index into the snapshot's upstream groups
};

/// An immutable table of rules, routes and owners of local data.
///
/// Every name that a rule, a route or local data mentions is a node, and so is each name above it;
/// a node is found by the hash of its suffix (see wire::SuffixHashes) and verified by its bytes. A
/// lookup walks the qname root-first and stops at the first name that is no node, so a name under a
/// top-level domain nobody allows costs one probe. The longest match wins; at the same length deny
/// beats local data and local data beats allow. Any number of threads may match at once; a lookup
/// never allocates.
class Matcher {
 public:
  /// `local` are the owners of local data: exact ones, or wildcards (everything below).
  struct LocalName {
    wire::DomainName name;
    bool wildcard = false;
  };

  /// `routes` and `local` are needed during construction only.
  Matcher(RuleSet rules, std::span<const LocalName> local, std::span<const Route> routes);
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  /// The same with these rules, each standing whatever stood for the very names it is about.
  /// `local` and `routes` are those of the constructor. Copies the table.
  [[nodiscard]] std::shared_ptr<const Matcher> with_rules(std::span<const Rule> rules,
                                                          std::span<const LocalName> local,
                                                          std::span<const Route> routes) const;

  /// `hashes` must have been made with the hash key of the rules.
  [[nodiscard]] Match match(const wire::SuffixHashes& hashes) const noexcept;

  /// The rule that matched, of a match by_rule.
  [[nodiscard]] Rule rule(const Match& match) const;
  /// The ports of the rule that matched; null if it has none of its own, or none matched.
  [[nodiscard]] const Ports* ports_of(const Match& match) const noexcept {
    return rules_.ports_of(match.rule);
  }
  [[nodiscard]] static Scope rule_scope(const Match& match) noexcept {
    return RuleSet::scope_of(match.rule);
  }
  [[nodiscard]] wire::DomainName rule_name(const Match& match) const noexcept {
    return rules_.name_of(match.rule);
  }
  [[nodiscard]] const RuleSet& rules() const noexcept { return rules_; }
  /// What rules and table occupy.
  [[nodiscard]] std::size_t bytes() const noexcept { return rules_.bytes(); }

 private:
  void add_local(const LocalName& owner);
  void add_route(const Route& route, std::uint16_t index);
  void mark_ancestors();

  RuleSet rules_;
};

}  // namespace nxgate::policy
