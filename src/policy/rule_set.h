// Rules as they are collected from a configuration and its list files: a million of them,
// compactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "policy/list.h"
#include "policy/places.h"
#include "policy/rule.h"
#include "policy/suffix_table.h"
#include "wire/name.h"

namespace nxgate::policy {

/// A rule by which a name is judged: the node of the name at which it stands, and its number:
/// its place (Places), and its scope in the lowest two bits.
struct StandingRule {
  std::uint32_t node = SuffixTable::kRoot;
  std::uint32_t number = Ruling::kNoRule;

  bool operator==(const StandingRule&) const = default;
};

/// Rules in the very table in which Matcher finds them, so that a rule takes no more than its
/// name's node. Of the rules for one and the same set of names one stands: a deny before an allow,
/// then the first. One thread.
class RuleSet {
 public:
  /// The key is that of the hashes with which the matcher will be asked.
  explicit RuleSet(std::uint64_t hash_key = wire::process_hash_key()) : table_(hash_key) {}

  /// Makes room for so many more rules of so many bytes of names; only speed depends on it.
  void reserve(std::size_t rules, std::size_t bytes);

  /// Rules of one file are best added one after the other. Throws length_error past 4 GiB of names.
  void add(const Rule& rule);
  /// Adds all rules of a list.
  void add(const ParsedList& list);

  /// Adds a rule that stands whatever stood for the very names it is about.
  void replace(const Rule& rule);

  /// How many were added.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  /// An allow rule that does nothing, since a deny rule is about the same names.
  struct Contradiction {
    StandingRule allow;
    StandingRule deny;
  };
  static constexpr std::size_t kMostContradictions = 5;
  /// The first ones.
  [[nodiscard]] const std::vector<Contradiction>& contradictions() const noexcept {
    return contradictions_;
  }

  /// Those that stand, in the order in which they were added. It walks the whole table.
  [[nodiscard]] std::vector<Rule> standing() const;

  [[nodiscard]] wire::DomainName name_of(StandingRule rule) const noexcept {
    return table_.name(rule.node);
  }
  [[nodiscard]] static Scope scope_of(StandingRule rule) noexcept {
    return static_cast<Scope>(rule.number & 3U);
  }
  [[nodiscard]] Location location_of(StandingRule rule) const { return places_[rule.number >> 2]; }
  /// The ports of a rule; null if it has none of its own.
  [[nodiscard]] const Ports* ports_of(StandingRule rule) const noexcept;

  /// Whether some rule, of any scope, stands at this very name.
  [[nodiscard]] bool mentions(const wire::DomainName& name) const noexcept;
  /// What it occupies.
  [[nodiscard]] std::size_t bytes() const noexcept { return table_.bytes(); }
  /// Whether some rule allows something.
  [[nodiscard]] bool allows_any() const noexcept { return allows_any_; }
  /// Whether some rule denies something.
  [[nodiscard]] bool denies_any() const noexcept { return denies_any_; }

 private:
  friend class Matcher;  // which completes the table and searches it

  std::uint32_t insert(Bytes name, Scope scope, Action action, const Location& at);
  [[nodiscard]] Ruling new_ruling(Scope scope, Action action, const Location& at);
  void rule(std::uint32_t node, Scope scope, Ruling ruling);
  [[nodiscard]] bool contradict(std::uint32_t node, Ruling one, Ruling other);

  SuffixTable table_;
  Places places_;
  boost::unordered_flat_map<std::uint32_t, Ports> ports_;  ///< by number, of those that have some
  std::vector<Contradiction> contradictions_;
  std::size_t count_ = 0;
  bool allows_any_ = false;
  bool denies_any_ = false;
};

}  // namespace nxgate::policy
