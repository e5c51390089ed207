#include "policy/special_names.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

using enum Treatment;

constexpr auto kNames = std::to_array<SpecialNames>({
    {"localhost", "RFC 6761", kAnswered},
    {"1.0.0.127.in-addr.arpa", "RFC 6761", kAnswered},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", "RFC 6761",
     kAnswered},
    {"resolver.arpa", "RFC 9462", kEmpty},
    {"invalid", "RFC 6761", kDenied},
    {"onion", "RFC 7686", kDenied},
    {"alt", "RFC 9476", kDenied},
    {"test", "RFC 6761", kReserved},
    {"use-application-dns.net", "Mozilla", kCanary},
    {"mask.icloud.com", "Apple", kCanary},
    {"mask-h2.icloud.com", "Apple", kCanary},
    {"local", "RFC 6762", kPrivate},
    {"home.arpa", "RFC 8375", kPrivate},
    {"wpad", "Web Proxy Auto-Discovery", kPrivate},
    {"ipv4only.arpa", "RFC 8880", kPrivate},
    {"#.0.0.192.in-addr.arpa", "RFC 8880", kPrivate, 170, 171},
    {"0.in-addr.arpa", "RFC 6303", kPrivate},
    {"10.in-addr.arpa", "RFC 6303", kPrivate},
    {"#.100.in-addr.arpa", "RFC 7793", kPrivate, 64, 127},
    {"127.in-addr.arpa", "RFC 6303", kPrivate},
    {"254.169.in-addr.arpa", "RFC 6303", kPrivate},
    {"#.172.in-addr.arpa", "RFC 6303", kPrivate, 16, 31},
    {"2.0.192.in-addr.arpa", "RFC 6303", kPrivate},
    {"168.192.in-addr.arpa", "RFC 6303", kPrivate},
    {"100.51.198.in-addr.arpa", "RFC 6303", kPrivate},
    {"113.0.203.in-addr.arpa", "RFC 6303", kPrivate},
    {"255.255.255.255.in-addr.arpa", "RFC 6303", kPrivate},
    {"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", "RFC 6303",
     kPrivate},
    {"8.b.d.0.1.0.0.2.ip6.arpa", "RFC 6303", kPrivate},
    {"d.f.ip6.arpa", "RFC 6303", kPrivate},
    {"#.e.f.ip6.arpa", "RFC 6303", kPrivate, 8, 9},
    {"a.e.f.ip6.arpa", "RFC 6303", kPrivate},
    {"b.e.f.ip6.arpa", "RFC 6303", kPrivate},
});

/// What stands at the names that are answered.
constexpr auto kRecords = std::to_array<std::string_view>({
    "localhost A 127.0.0.1",
    "localhost AAAA ::1",
    "*.localhost A 127.0.0.1",
    "*.localhost AAAA ::1",
    "1.0.0.127.in-addr.arpa PTR localhost",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa PTR localhost",
});

/// In the order of Treatment.
constexpr std::array<std::string_view, 6> kMeanings{
    "answered by its own records",
    "NODATA, and never forwarded",
    "denied",
    "denied where all names are allowed",
    "denied by a policy that denies anything",
    "never asked of a public server",
};

/// Calls `each` with every name of a treatment.
template <class Each>
void for_names(Treatment treatment, Each&& each) {
  for (const SpecialNames& row : kNames) {
    if (row.treatment != treatment) continue;
    for (int number = row.first; number <= row.last; ++number) {
      std::string text(row.name);
      if (const auto at = text.find('#'); at != std::string::npos) {
        text.replace(at, 1, std::to_string(number));
      }
      each(wire::DomainName::from_text(text).value());
    }
  }
}

bool routed(const wire::DomainName& name, std::span<const Route> routes) {
  return std::ranges::find(routes, name, &Route::name) != routes.end();
}

void add_records(const RuleSet& rules, LocalData& local) {
  std::vector<ParsedRecord> ours;
  for (const std::string_view text : kRecords) {
    ParsedRecord record = parse_record(text).value();
    if (rules.mentions(record.owner) || local.owns(record.owner, record.wildcard)) continue;
    ours.push_back(std::move(record));
  }
  for (ParsedRecord& each : ours) local.add(each.owner, each.wildcard, std::move(each.record));
}

/// The upstream that is asked for `name`.
std::uint16_t upstream_of(const wire::DomainName& name, std::span<const Route> routes,
                          std::uint16_t fallback) {
  const Route* closest = nullptr;
  for (const Route& route : routes) {
    if (!name.is_at_or_below(route.name)) continue;
    if (closest == nullptr || route.name.label_count() > closest->name.label_count()) {
      closest = &route;
    }
  }
  return closest == nullptr ? fallback : closest->upstream;
}

}  // namespace

std::span<const SpecialNames> special_names() noexcept { return kNames; }

void add_special_names(RuleSet& rules, LocalData& local, std::span<const Route> routes) {
  const bool about_all = rules.mentions(wire::DomainName());
  const bool denies_anything = rules.denies_any() || !about_all;
  const auto deny = [&](const wire::DomainName& name) {
    if (rules.mentions(name) || local.owns(name, false) || local.owns(name, true) ||
        routed(name, routes)) {
      return;
    }
    rules.add({.name = name,
               .scope = Scope::kSubtree,
               .action = Action::kDeny,
               .at = {.file = kBuiltIn}});
  };
  add_records(rules, local);
  for_names(kEmpty, [&](const wire::DomainName& name) {
    if (routed(name, routes)) return;
    for (const bool wildcard : {false, true}) local.add_owner(name, wildcard);
  });
  for_names(kDenied, deny);
  if (about_all) for_names(kReserved, deny);
  if (denies_anything) for_names(kCanary, deny);
}

void add_special_routes(std::vector<Route>& routes, std::uint16_t fallback,
                        const std::function<bool(std::uint16_t upstream)>& is_public) {
  const std::vector<Route> own = routes;
  for_names(kEmpty, [&](const wire::DomainName& name) {
    if (!routed(name, own)) routes.push_back({name, Route::kNowhere});
  });
  for_names(kPrivate, [&](const wire::DomainName& name) {
    if (!routed(name, own) && is_public(upstream_of(name, own, fallback))) {
      routes.push_back({name, Route::kNowhere});
    }
  });
}

std::string special_names_page() {
  std::string page = "| Name, and all below | Treatment | Source |\n|---|---|---|\n";
  for (const SpecialNames& row : kNames) {
    std::string name(row.name);
    if (const auto at = name.find('#'); at != std::string::npos) {
      name.replace(at, 1, "N");
      name = fmt::format("`{}`, N from {} to {}", name, row.first, row.last);
    } else {
      name = fmt::format("`{}`", name);
    }
    page += fmt::format("| {} | {} | {} |\n", name,
                        kMeanings[static_cast<std::size_t>(row.treatment)], row.source);
  }
  return page;
}

}  // namespace nxgate::policy
