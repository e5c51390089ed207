// One line of an allow or deny list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "wire/name.h"

namespace nxgate::policy {

/// Which names a rule is about.
enum class Scope : std::uint8_t {
  kExact,    ///< `=name`: this name
  kBelow,    ///< `*.name`: every name below it, not itself
  kSubtree,  ///< `name` or `.name`: both
};

enum class Action : std::uint8_t { kDeny = 0, kAllow };

struct Rule {
  wire::DomainName name;
  Scope scope = Scope::kExact;
  Action action = Action::kDeny;
  Location at;
  Ports ports{};  ///< what it opens where there is a firewall; none: what the policy says
};

/// Reads the name and scope of a rule as it stands in a list; one trailing ` force` lets it name a
/// public suffix. The error says what is wrong with `text` and what was expected.
///
/// `:22,443` or `:tcp/22` behind the name are its ports. The root is `.`, all names below it `*`.
/// What is no rule about a name but easily slips into a list is refused: an address, a URL, a port,
/// an asterisk elsewhere than in front.
struct ParsedRule {
  wire::DomainName name;
  Scope scope;
  bool force;
  Ports ports;
};
[[nodiscard]] Result<ParsedRule> parse_rule(std::string_view text);

/// The same for a rule of which the action is known: without ` force` it also refuses to allow the
/// names below a public suffix.
[[nodiscard]] Result<ParsedRule> parse_rule(std::string_view text, Action action);

/// `=name`, `*.name` or `name`.
[[nodiscard]] std::string to_string(Scope scope, const wire::DomainName& name);

/// The same, written to the front of `out`, of a name in wire form; returns the size. What doesn't
/// fit is left out. No allocation.
std::size_t write_text(Scope scope, Bytes name, std::span<char> out) noexcept;

/// Whether a rule over all names below `name`, in wire form, would open a public suffix (`com`,
/// `co.uk`, `github.io`, the root): asks libpsl, private section included. A single label that the
/// list doesn't know (`lan`, `home`, `internal`) is somebody's own network and no public suffix.
/// Any thread.
[[nodiscard]] bool is_public_suffix(Bytes name);

/// What somebody registered to run the zones at and above `name`: the suffix of a registry and the
/// label in front of it, by libpsl (`example.co.uk`), or `name` itself if that is shorter. Private
/// suffixes (`github.io`) are domains like any other, since one party sees all questions below; so
/// is a single label that the list doesn't know (`lan`). Any thread.
[[nodiscard]] wire::DomainName registered_domain(const wire::DomainName& name);

}  // namespace nxgate::policy
