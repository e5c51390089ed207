#include "learn/proposal.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/core.h>

#include "base/bytes.h"
#include "learn/record.h"
#include "policy/rule.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::learn {
namespace {

using policy::Scope;
using wire::DomainName;

DomainName name_of(const char* text) { return DomainName::from_text(text).value(); }

/// The first label, without its length.
std::string_view first_label(const DomainName& name) {
  const Bytes wire = name.wire();
  return {reinterpret_cast<const char*>(wire.data()) + 1, wire[0]};
}

bool is_reverse(const DomainName& name) {
  static const std::array kZones{name_of("in-addr.arpa"), name_of("ip6.arpa")};
  return std::ranges::any_of(kZones,
                             [&](const DomainName& zone) { return name.is_at_or_below(zone); });
}

bool is_service(const DomainName& name, const Seen& seen) {
  for (DomainName at = name; !at.is_root(); at = at.parent()) {
    if (first_label(at).starts_with('_')) return true;
  }
  return seen.types == std::set{wire::Type::kSrv};
}

bool is_time(const DomainName& name) {
  static const DomainName kPool = name_of("pool.ntp.org");
  const std::string_view label = first_label(name);
  return name.is_at_or_below(kPool) || label == "ntp" || label == "time" ||
         (label.starts_with("ntp") && label.size() == 4) || label.starts_with("ntp-") ||
         label.starts_with("time-");
}

/// Whether `name` is another that was asked for with something behind it, and never existed.
bool has_search_domain(const DomainName& name, const Record& record) {
  const std::string text = name.to_text();
  for (DomainName tail = name.parent(); !tail.is_root(); tail = tail.parent()) {
    const std::string_view front =
        std::string_view(text).substr(0, text.size() - tail.to_text().size() - 1);
    const auto asked = DomainName::from_text(front);
    if (asked && record.names().contains(*asked)) return true;
  }
  return false;
}

std::optional<Noise> noise_of(const DomainName& name, const Seen& seen, const Record& record) {
  if (is_reverse(name)) return Noise::kReverse;
  if (is_service(name, seen)) return Noise::kService;
  if (is_time(name)) return Noise::kTime;
  if (seen.exists) return std::nullopt;
  return has_search_domain(name, record) ? Noise::kSearchDomain : Noise::kNonexistent;
}

/// The highest suffix of `name`, itself not counted, that enough different names lie below.
class Folds {
 public:
  explicit Folds(std::size_t from) : from_(from) {}

  void add(const DomainName& name) {
    for_each_suffix(name, [this](const DomainName& suffix, const DomainName& child) {
      children_[suffix].insert(child);
    });
  }
  [[nodiscard]] std::optional<DomainName> fold_of(const DomainName& name) const {
    std::optional<DomainName> highest;
    const auto consider = [&](const DomainName& suffix) {
      const auto found = children_.find(suffix);
      if (found != children_.end() && found->second.size() >= from_) highest = suffix;
    };
    consider(name);
    for_each_suffix(name, [&](const DomainName& suffix, const DomainName&) { consider(suffix); });
    return highest;
  }

 private:
  /// From below up to the registered domain, but no single label; public suffixes are none.
  template <class Visit>
  static void for_each_suffix(const DomainName& name, Visit visit) {
    const DomainName registered = policy::registered_domain(name);
    DomainName child = name;
    while (child != registered && !child.is_root()) {
      const DomainName suffix = child.parent();
      if (suffix.label_count() < 2 || policy::is_public_suffix(suffix.wire())) return;
      visit(suffix, child);
      child = suffix;
    }
  }

  std::size_t from_;
  std::map<DomainName, std::set<DomainName>> children_;
};

std::string day(std::int64_t when) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(static_cast<std::time_t>(when)));
}

std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

/// Counts, days and clients of several names.
struct Sum {
  std::uint64_t count = 0;
  std::int64_t first = INT64_MAX;
  std::int64_t last = 0;
  std::set<std::string> clients;

  void add(const Seen& seen) {
    count += seen.count;
    first = std::min(first, seen.first);
    last = std::max(last, seen.last);
    clients.insert(seen.clients.begin(), seen.clients.end());
  }
  [[nodiscard]] std::string text() const {
    const std::string days = day(first) == day(last) ? day(first) : day(first) + " to " + day(last);
    std::string who;
    std::size_t shown = 0;
    for (const std::string& client : clients) {
      if (++shown > 3) break;
      who += (who.empty() ? "" : " ") + client;
    }
    if (clients.size() > 3) who += fmt::format(" and {} more", clients.size() - 3);
    return fmt::format("{}, {}, by {}", plural(count, "question", "questions"), days, who);
  }
};

/// For a comment: nothing in it ends the line.
std::string safe(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string names_behind(const std::vector<Evidence>& behind) {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(behind.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + behind[i].first.to_text();
  }
  if (behind.size() > kShown) text += fmt::format(" and {} more", behind.size() - kShown);
  return text;
}

bool covers(const ProposedRule& rule, const DomainName& name) {
  switch (rule.scope) {
    case Scope::kExact:
      return name == rule.name;
    case Scope::kBelow:
      return name != rule.name && name.is_at_or_below(rule.name);
    case Scope::kSubtree:
      return name.is_at_or_below(rule.name);
  }
  return false;
}

bool same(const ProposedRule& one, const policy::Rule& other) {
  return one.name == other.name && one.scope == other.scope;
}

}  // namespace

std::string_view to_string(Noise noise) noexcept {
  switch (noise) {
    case Noise::kReverse:
      return "name of an address";
    case Noise::kService:
      return "service";
    case Noise::kTime:
      return "time";
    case Noise::kSearchDomain:
      return "search domain";
    case Noise::kNonexistent:
      return "does not exist";
  }
  return {};
}

Proposal propose(const Record& record, std::size_t fold_from) {
  Proposal proposal;
  std::vector<Evidence> wanted;
  Folds folds(fold_from);
  for (const auto& [name, seen] : record.names()) {
    if (const auto noise = noise_of(name, seen, record)) {
      proposal.apart.push_back({*noise, {name, seen}});
    } else {
      wanted.emplace_back(name, seen);
      folds.add(name);
    }
  }
  std::map<DomainName, ProposedRule> rules;
  for (const Evidence& each : wanted) {
    const auto fold = folds.fold_of(each.first);
    ProposedRule& rule = rules[fold.value_or(each.first)];
    rule.name = fold.value_or(each.first);
    rule.behind.push_back(each);
    if (!fold) continue;
    // The name itself is let in only if it was asked for as well.
    const bool itself = each.first == rule.name || rule.scope == Scope::kSubtree;
    rule.scope = itself ? Scope::kSubtree : Scope::kBelow;
  }
  for (auto& [name, rule] : rules) proposal.rules.push_back(std::move(rule));
  std::ranges::sort(proposal.rules, {}, [](const ProposedRule& rule) {
    return std::pair(policy::registered_domain(rule.name).to_text(), rule.name.to_text());
  });
  std::ranges::sort(proposal.apart, {}, [](const std::pair<Noise, Evidence>& each) {
    return std::pair(each.first, each.second.first.to_text());
  });
  return proposal;
}

std::string to_list(const Proposal& proposal, const Record& record, std::string_view policy) {
  Sum all;
  for (const auto& [name, seen] : record.names()) all.add(seen);
  std::string text = fmt::format("# Proposed by `nxgate learn propose` for the policy {}.\n",
                                 safe(std::string(policy)));
  if (record.names().empty()) return text + "# Nothing was asked for.\n";
  text += fmt::format("# {}: {}.\n", plural(record.names().size(), "name", "names"), all.text());
  if (record.overflow() != 0) {
    text += fmt::format("# {} for further names were too many to remember.\n",
                        plural(record.overflow(), "question", "questions"));
  }
  for (const ProposedRule& rule : proposal.rules) {
    Sum sum;
    for (const Evidence& each : rule.behind) sum.add(each.second);
    const std::string folded =
        rule.scope == Scope::kExact
            ? ""
            : fmt::format("{}: {}; ", plural(rule.behind.size(), "name", "names"),
                          names_behind(rule.behind));
    text += fmt::format("{:<32} # {}{}\n", policy::to_string(rule.scope, rule.name), folded,
                        safe(sum.text()));
  }
  if (!proposal.apart.empty()) text += "#\n# Set apart; take off the # to allow one after all:\n";
  for (const auto& [noise, each] : proposal.apart) {
    Sum sum;
    sum.add(each.second);
    text += fmt::format("# {:<30} # {}; {}\n", policy::to_string(Scope::kExact, each.first),
                        to_string(noise), safe(sum.text()));
  }
  return text;
}

std::string to_diff(const Proposal& proposal, const std::vector<policy::Rule>& now) {
  std::string text;
  std::size_t kept = 0;
  for (const ProposedRule& rule : proposal.rules) {
    const bool there = std::ranges::any_of(now, [&](const policy::Rule& each) {
      return each.action == policy::Action::kAllow &&
             (same(rule, each) || covers({each.scope, each.name, {}}, rule.name));
    });
    if (!there) text += fmt::format("+{}\n", policy::to_string(rule.scope, rule.name));
  }
  for (const policy::Rule& each : now) {
    if (each.action != policy::Action::kAllow) continue;
    const ProposedRule standing{each.scope, each.name, {}};
    const bool used = std::ranges::any_of(proposal.rules, [&](const ProposedRule& rule) {
      return std::ranges::any_of(
          rule.behind, [&](const Evidence& seen) { return covers(standing, seen.first); });
    });
    if (used) {
      ++kept;
    } else {
      text +=
          fmt::format("-{}  # {}\n", policy::to_string(each.scope, each.name), to_string(each.at));
    }
  }
  return text + fmt::format("# {} of the policy's rules are used.\n", kept);
}

}  // namespace nxgate::learn
