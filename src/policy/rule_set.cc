#include "policy/rule_set.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "policy/rule.h"
#include "policy/words.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

/// The wire form of a plain line: letters, digits, hyphens and underscores in two labels or more,
/// nothing else. Empty for any other line, of which parse_rule knows more.
Bytes plain_name(std::string_view line, std::array<std::uint8_t, wire::kLongestName>& out) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() + 2 > out.size()) return {};
  std::size_t label_at = 0;
  std::size_t size = 1;
  for (const char c : line) {
    if (c == '.') {
      const std::size_t length = size - label_at - 1;
      if (length == 0 || length > wire::kLongestLabel) return {};
      out[label_at] = static_cast<std::uint8_t>(length);
      label_at = size++;
      continue;
    }
    const auto byte = wire::lower(static_cast<std::uint8_t>(c));
    const bool plain =
        (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
    if (!plain) return {};
    out[size++] = byte;
  }
  const std::size_t length = size - label_at - 1;
  if (label_at == 0 || length == 0 || length > wire::kLongestLabel) return {};
  // A number at the end may be the end of an address.
  if (out[label_at + 1] <= '9') return {};
  out[label_at] = static_cast<std::uint8_t>(length);
  out[size++] = 0;
  return Bytes(out).first(size);
}

/// Plain lines that wait until the table's memory is there: they are added some names later, in
/// their order.
class Queue {
 public:
  Queue(RuleSet& rules, Action action, Location& at) : rules_(rules), action_(action), at_(at) {}

  [[nodiscard]] std::array<std::uint8_t, wire::kLongestName>& next() noexcept {
    return waiting_[count_].name;
  }
  /// Takes what was written to `next`.
  void push(std::size_t size, std::uint32_t line) {
    waiting_[count_].size = size;
    waiting_[count_].line = line;
    rules_.expect(Bytes(waiting_[count_].name).first(size));
    if (++count_ == waiting_.size()) flush();
  }
  void flush() {
    for (const Plain& plain : std::span(waiting_).first(std::exchange(count_, 0))) {
      at_.line = plain.line;
      at_.column = 1;
      rules_.add(Bytes(plain.name).first(plain.size), Scope::kSubtree, action_, at_);
    }
  }

 private:
  struct Plain {
    std::array<std::uint8_t, wire::kLongestName> name;
    std::size_t size;
    std::uint32_t line;
  };

  RuleSet& rules_;
  Action action_;
  Location& at_;
  std::array<Plain, 16> waiting_;
  std::size_t count_ = 0;
};

void strengthen(Ruling& standing, Ruling added) {
  if (added.stance > standing.stance) standing = added;
}

}  // namespace

void RuleSet::reserve(std::size_t rules, std::size_t bytes) { table_.reserve(rules, bytes); }

void RuleSet::add(const Rule& rule) {
  const std::uint32_t number = insert(rule.name.wire(), rule.scope, rule.action, rule.at);
  if (!rule.ports.empty()) ports_[number] = rule.ports;
}

void RuleSet::add(Bytes name, Scope scope, Action action, const Location& at) {
  insert(name, scope, action, at);
}

std::uint32_t RuleSet::insert(Bytes name, Scope scope, Action action, const Location& at) {
  const std::uint32_t node = table_.insert(name);
  const Ruling ruling = new_ruling(scope, action, at);
  rule(node, scope, ruling);
  return ruling.rule;
}

void RuleSet::replace(const Rule& rule) {
  const std::uint32_t node = table_.insert(rule.name.wire());
  const Ruling ruling = new_ruling(rule.scope, rule.action, rule.at);
  SuffixNode content = table_.at(node);
  if (rule.scope != Scope::kBelow) content.self = ruling;
  if (rule.scope != Scope::kExact) content.below = ruling;
  table_.put(node, content);
  if (!rule.ports.empty()) ports_[ruling.rule] = rule.ports;
}

Ruling RuleSet::new_ruling(Scope scope, Action action, const Location& at) {
  const bool allows = action == Action::kAllow;
  allows_any_ |= allows;
  ++count_;
  return {.stance = allows ? Stance::kAllow : Stance::kDeny,
          .rule = places_.add(at) << 2 | static_cast<std::uint32_t>(scope)};
}

/// The stronger stance stands; of two equal ones the first.
void RuleSet::rule(std::uint32_t node, Scope scope, Ruling ruling) {
  SuffixNode content = table_.at(node);
  if (scope != Scope::kBelow) strengthen(content.self, ruling);
  if (scope != Scope::kExact) strengthen(content.below, ruling);
  table_.put(node, content);
}

const Ports* RuleSet::ports_of(StandingRule rule) const noexcept {
  const auto found = ports_.find(rule.number);
  return found == ports_.end() ? nullptr : &found->second;
}

std::vector<Rule> RuleSet::standing() const {
  struct Found {
    StandingRule rule;
    Stance stance;
  };
  std::vector<Found> found;
  for (std::uint32_t node = SuffixTable::kRoot; node != table_.end(); node = table_.next(node)) {
    const SuffixNode content = table_.at(node);
    if (content.self.has_rule()) found.push_back({{node, content.self.rule}, content.self.stance});
    if (content.below.has_rule() && content.below.rule != content.self.rule) {
      found.push_back({{node, content.below.rule}, content.below.stance});
    }
  }
  std::ranges::sort(found, {}, [](const Found& one) { return one.rule.number; });
  std::vector<Rule> rules;
  rules.reserve(found.size());
  for (const auto& [rule, stance] : found) {
    const Ports* const ports = ports_of(rule);
    rules.push_back({.name = name_of(rule),
                     .scope = scope_of(rule),
                     .action = stance == Stance::kAllow ? Action::kAllow : Action::kDeny,
                     .at = location_of(rule),
                     .ports = ports == nullptr ? Ports() : *ports});
  }
  return rules;
}

bool RuleSet::mentions(const wire::DomainName& name) const noexcept {
  const wire::SuffixHashes hashes(name, table_.hash_key());
  std::uint32_t node = SuffixTable::kRoot;
  for (std::size_t depth = 1; depth <= hashes.depth(); ++depth) {
    const auto child = table_.child(node, hashes, depth);
    if (!child) return false;
    node = *child;
  }
  const SuffixNode content = table_.at(node);
  return content.self.has_rule() || content.below.has_rule();
}

Faults parse_list(std::string_view text, const ListPart& part, Action action, RuleSet& rules) {
  Faults faults;
  Rule rule{.action = action, .at = {.file = std::string(part.file)}};
  Queue queue(rules, action, rule.at);
  LineReader lines(text, part.lines_before);
  while (const auto line = lines.next()) {
    const Bytes plain = plain_name(*line, queue.next());
    if (!plain.empty() && (action == Action::kDeny || !is_public_suffix(plain))) {
      queue.push(plain.size(), lines.number());
      continue;
    }
    const Word first = WordReader(*line).next();
    if (first.text.empty()) continue;
    queue.flush();
    rule.at.line = lines.number();
    rule.at.column = first.column;
    auto parsed = parse_rule(*line, action);
    if (!parsed) {
      faults.push_back({rule.at, std::move(parsed.error().message)});
      continue;
    }
    rule.name = parsed->name;
    rule.scope = parsed->scope;
    rule.ports = std::move(parsed->ports);
    rules.add(rule);
  }
  queue.flush();
  return faults;
}

}  // namespace nxgate::policy
