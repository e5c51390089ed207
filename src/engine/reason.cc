#include "engine/reason.h"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/error.h"
#include "engine/decision.h"
#include "policy/exfiltration.h"
#include "policy/matcher.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::engine {
namespace {

using policy::Verdict;

struct Words {
  std::string_view word;     ///< empty for a rule, which is its own
  std::string_view meaning;  ///< empty if the word says all
};

/// In the order of DecidedBy.
constexpr std::array kWords{
    Words{"no policy", "none covers this client"},
    Words{"default", "no rule matches this name"},
    Words{{}, {}},
    Words{"local data", {}},
    Words{"ancestor", "no rule matches this name, but a name below it is allowed or local"},
    Words{"granted", "an allowed name points to this one"},
    Words{"narrowed", "the policy is restricted for this container and excludes this name"},
    Words{"special name", "no public server is asked for it, unless a route names it"},
    Words{"exfiltration.", {}},
};
static_assert(kWords.size() == static_cast<std::size_t>(DecidedBy::kLimit) + 1);

const Words& words_of(const Reason& reason) noexcept {
  return kWords[static_cast<std::size_t>(reason.by)];
}

/// Appends text to a buffer, as far as there is room.
class Text {
 public:
  explicit Text(std::span<char> out) noexcept : out_(out) {}
  void add(std::string_view text) noexcept {
    size_ += text.copy(out_.data() + size_, out_.size() - size_);
  }
  void add_word(const Reason& reason) noexcept {
    if (reason.by == DecidedBy::kRule) {
      const policy::Match& match = reason.match;
      size_ +=
          policy::write_text(policy::Matcher::rule_scope(match),
                             reason.policy->matcher->rule_name(match).wire(), out_.subspan(size_));
      return;
    }
    add(words_of(reason).word);
    if (reason.by == DecidedBy::kLimit) add(reason.limit->key);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::span<char> out_;
  std::size_t size_ = 0;
};

/// Longer than any word.
constexpr std::size_t kLongestWord = wire::kLongestText + 2;
constexpr std::string_view kPolicy = "policy=";
constexpr std::string_view kRule = " rule=";
constexpr std::string_view kSuppressed = " suppress-types";
constexpr std::string_view kAddressesOnly = " addresses only";

DecidedBy decided_by(const Judgement& judgement) noexcept {
  if (judgement.policy == nullptr) return DecidedBy::kNoPolicy;
  if (judgement.exceeded != nullptr) return DecidedBy::kLimit;
  if (judgement.nowhere) return DecidedBy::kNowhere;
  if (judgement.granted) return DecidedBy::kGrant;
  if (judgement.narrowed) return DecidedBy::kNarrowing;
  if (judgement.match.by_rule()) return DecidedBy::kRule;
  switch (judgement.match.verdict) {
    case Verdict::kLocal:
      return DecidedBy::kLocalData;
    case Verdict::kAncestor:
      return DecidedBy::kAncestor;
    case Verdict::kDeny:
    case Verdict::kAllow:
      break;
  }
  return DecidedBy::kDefault;
}

}  // namespace

Reason reason_of(const Judgement& judgement, Outcome outcome) noexcept {
  return {.by = decided_by(judgement),
          .policy = judgement.policy,
          .match = judgement.match,
          .limit = judgement.exceeded,
          .suppressed = outcome == Outcome::kSuppressed && judgement.exceeded == nullptr,
          .addresses_only = judgement.addresses_only};
}

std::string rule_of(const Reason& reason) {
  std::array<char, kLongestWord> buffer;
  Text text(buffer);
  text.add_word(reason);
  return {buffer.data(), text.size()};
}

std::size_t write_text(const Reason& reason, std::span<char> out) noexcept {
  Text text(out);
  if (reason.policy == nullptr) {
    text.add("no policy covers this client");
    return text.size();
  }
  text.add(kPolicy);
  text.add(reason.policy->name);
  text.add(kRule);
  text.add_word(reason);
  if (reason.suppressed) text.add(reason.addresses_only ? kAddressesOnly : kSuppressed);
  return text.size();
}

std::string to_string(const Reason& reason) {
  const std::size_t name = reason.policy == nullptr ? 0 : reason.policy->name.size();
  std::string text(kPolicy.size() + name + kRule.size() + kLongestWord + kSuppressed.size(), '\0');
  text.resize(write_text(reason, text));
  return text;
}

std::string in_full(const Reason& reason) {
  if (reason.by == DecidedBy::kRule) {
    const policy::Rule rule = reason.policy->matcher->rule(reason.match);
    return fmt::format("{} \"{}\" ({})", rule.action == policy::Action::kAllow ? "allow" : "deny",
                       rule_of(reason), to_string(rule.at));
  }
  const std::string_view meaning = words_of(reason).meaning;
  return rule_of(reason) + (meaning.empty() ? "" : fmt::format(": {}", meaning));
}

}  // namespace nxgate::engine
