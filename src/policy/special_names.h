// Names that no configuration has to mention.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/rule_set.h"

namespace nxgate::policy {

/// The file that the built-in rules' locations tell.
inline constexpr const char* kBuiltIn = "built-in";

/// How a special name and all names below it are treated.
enum class Treatment : std::uint8_t {
  kAnswered,  ///< by records of our own
  kEmpty,     ///< it exists and has no record, and nobody else is asked
  kDenied,    ///< it doesn't exist
  kReserved,  ///< the same where the policy allows all names, so that a rule below it is enough
  kCanary,    ///< the same, by a policy that denies anything: software that finds it leaves for
              ///< resolvers of its own
  kPrivate,   ///< it is no public server's business
};

/// A row of the table: one name, or as many as a `#` in it stands for numbers.
struct SpecialNames {
  std::string_view name;
  std::string_view source;  ///< the RFC, or who else asks for it
  Treatment treatment;
  int first = 0;  ///< of the numbers
  int last = 0;
};

/// Adds the rules and records of these names. Where the operator has a rule or a record at such a
/// name, or a route by `routes`, that stands instead. Call when the operator's are all added.
void add_special_names(RuleSet& rules, LocalData& local, std::span<const Route> routes = {});

/// Adds routes to nowhere for kEmpty, and for kPrivate where the upstream that would be asked, by
/// the routes there are or `fallback`, is public. A route of the operator's at the very name
/// stands.
void add_special_routes(std::vector<Route>& routes, std::uint16_t fallback,
                        const std::function<bool(std::uint16_t upstream)>& is_public);

/// The table as it stands in docs/operating.md.
[[nodiscard]] std::string special_names_page();

}  // namespace nxgate::policy
