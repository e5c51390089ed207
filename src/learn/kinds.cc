#include "learn/kinds.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/ascii.h"
#include "base/bytes.h"
#include "learn/labels.h"
#include "learn/record.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

constexpr std::uint16_t kNtpPort = 123;
/// Nobody's search domain has more labels; it bounds the work for names made of dots.
constexpr std::size_t kDeepestSearchDomain = 8;

bool is_reverse(const Labels& labels) {
  return labels.count() >= 2 && labels[0] == "arpa" &&
         (labels[1] == "in-addr" || labels[1] == "ip6");
}

/// `ntp`, `ntp2`, `ntp-fra`, `time`, `time3`, `time-a-g`.
bool is_clock(std::string_view label) {
  for (const std::string_view stem : {"ntp", "sntp", "time"}) {
    if (!label.starts_with(stem)) continue;
    std::string_view rest = label.substr(stem.size());
    while (!rest.empty() && is_digit(rest.front())) rest.remove_prefix(1);
    if (rest.empty()) return true;
    // A word behind `time-` is about something else: `time-tracker`.
    const bool short_parts = rest.front() == '-' && rest.size() <= 4;
    if (rest.front() == '-' && (stem != "time" || short_parts)) return true;
  }
  return false;
}

bool is_time_server(const Labels& labels, const Ports& ports) {
  // Who was connected to otherwise is more than a clock, whatever its name.
  if (std::ranges::any_of(ports, [](const Port& port) { return port.number != kNtpPort; })) {
    return false;
  }
  const std::size_t count = labels.count();
  if (count < 2) return false;
  const bool pool = count >= 3 && labels[0] == "org" && labels[1] == "ntp" && labels[2] == "pool";
  return pool || is_clock(labels[count - 1]);
}

bool is_service(const Labels& labels) {
  for (std::size_t i = 0; i < labels.count(); ++i) {
    if (labels[i].starts_with('_')) return true;
  }
  return false;
}

/// Whether a list can have the name: an address or a name with a colon it can't.
bool is_writable(const wire::DomainName& name) {
  const std::string text = policy::to_string(policy::Scope::kExact, name);
  if (text.find('#') != std::string::npos) return false;
  const auto rule = policy::parse_rule(text, policy::Action::kAllow);
  return rule && rule->name == name && rule->scope == policy::Scope::kExact && rule->ports.empty();
}

struct Candidate {
  std::size_t in_front = 0;     ///< names that it stands behind
  bool holds_existing = false;  ///< whether something at or below it exists
};
using Candidates = boost::unordered_flat_map<std::string, Candidate>;

std::string key_of(Bytes name) { return {name.begin(), name.end()}; }

/// Calls `use(suffix depth)` for each way to take the name apart, the longest front first, until it
/// says that it found what it sought.
template <class Use>
void each_search_domain(const Record& record, const Labels& labels, Use use) {
  const std::size_t deepest = std::min(labels.count(), kDeepestSearchDomain + 1);
  for (std::size_t depth = 1; depth < deepest; ++depth) {
    if (record.find(labels.without_suffix(depth)) != nullptr && use(depth)) return;
  }
}

}  // namespace

Kind kind_of(const wire::DomainName& name, const Sighting& sighting, bool search_domain) {
  const Labels labels(name);
  if (is_reverse(labels)) return Kind::kReverse;
  if (sighting.outcome == Existence::kFailed) return Kind::kFailed;
  if (sighting.outcome == Existence::kMissing) {
    return search_domain ? Kind::kSearch : Kind::kMissing;
  }
  if (!is_writable(name)) return Kind::kUnwritable;
  if (is_service(labels)) return Kind::kService;
  return is_time_server(labels, sighting.ports) ? Kind::kTime : Kind::kWanted;
}

std::vector<std::optional<wire::DomainName>> find_search_domains(
    const Record& record, std::span<const Record::Named> names) {
  Candidates candidates;
  for (const auto& [name, sighting] : names) {
    if (sighting->outcome != Existence::kMissing) continue;
    const Labels labels(name);
    each_search_domain(record, labels, [&](std::size_t depth) {
      ++candidates[key_of(labels.suffix(depth))].in_front;
      return false;
    });
  }
  std::vector<std::optional<wire::DomainName>> found(names.size());
  if (candidates.empty()) return found;
  for (const auto& [name, sighting] : names) {
    if (sighting->outcome != Existence::kExists) continue;
    const Labels labels(name);
    for (std::size_t depth = 1; depth <= std::min(labels.count(), kDeepestSearchDomain); ++depth) {
      const auto candidate = candidates.find(key_of(labels.suffix(depth)));
      if (candidate != candidates.end()) candidate->second.holds_existing = true;
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].sighting->outcome != Existence::kMissing) continue;
    const Labels labels(names[i].name);
    each_search_domain(record, labels, [&](std::size_t depth) {
      const Candidate& candidate = candidates[key_of(labels.suffix(depth))];
      if (candidate.in_front < 2 && candidate.holds_existing) return false;
      found[i] = labels.suffix_name(depth);
      return true;
    });
  }
  return found;
}

}  // namespace nxgate::learn
