#include "policy/rule.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <libpsl.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/escape.h"
#include "policy/words.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

constexpr std::string_view kRuleForms =
    "a rule is NAME (with everything below it), =NAME or *.NAME";

Scope take_scope(std::string_view& name) {
  if (name.starts_with('=')) {
    name.remove_prefix(1);
    return Scope::kExact;
  }
  if (name == "*" || name == "*.") {
    name = ".";
    return Scope::kBelow;
  }
  if (name.starts_with("*.")) {
    name.remove_prefix(2);
    return Scope::kBelow;
  }
  if (name.starts_with('.') && name.size() > 1) name.remove_prefix(1);
  return Scope::kSubtree;
}

/// Takes `:22,443` or `:tcp/22` from the end; nothing if what stands there is no port.
std::optional<Ports> take_ports(std::string_view& name) {
  Ports ports;
  const auto colon = name.find(':');
  if (colon == std::string_view::npos || name.substr(colon).starts_with("://")) return ports;
  if (IpAddress::parse(name) || Prefix::parse(name)) return ports;
  std::string_view rest = name.substr(colon + 1);
  while (true) {
    const auto comma = rest.find(',');
    const auto some = parse_ports(rest.substr(0, comma));
    if (!some) return std::nullopt;
    ports.insert(ports.end(), some->begin(), some->end());
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  name = name.substr(0, colon);
  return ports;
}

/// What no host name has, and what it stands for where it is found in a list.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kMistakes{{
    {"|^$!", "it is a line in adblock format, which is read in files of `deny-files`"},
    {"@", "it is an e-mail address, or a line in adblock format"},
    {":", "a name has no scheme"},
    {"/", "a name has no path, and a regular expression is no rule"},
    {",;", "only one rule is expected"},
    {"*=", "`*` and `=` may only stand at the start"},
    {"\"'`", "a rule has no quotes"},
    {"()<>#%&+?~", "a host name has letters, digits, `-`, `_` and `.`"},
}};

/// What `name` is if it is something else that gets pasted into lists; empty for a plain name.
std::string_view mistaken_for(std::string_view name) {
  if (IpAddress::parse(name) || Prefix::parse(name)) return "it is an address, not a name";
  for (const auto& [octets, why] : kMistakes) {
    // Parts of a network of addresses (RFC 2317) have one.
    if (octets == "/" && name.ends_with(".arpa")) continue;
    if (name.find_first_of(octets) != std::string_view::npos) return why;
  }
  if (name.find('.') == std::string_view::npos && (name.starts_with('-') || name.ends_with('-'))) {
    return "no host name starts or ends with a hyphen; in adblock format it is part of a name";
  }
  return {};
}

/// Whether the list has `name` in these of its sections.
bool is_suffix(Bytes name, int sections) {
  // The list file of the system may be newer than the one built into libpsl.
  static const psl_ctx_t* const list = psl_latest(nullptr);
  std::array<char, wire::kLongestText + 1> text;
  text[wire::write_text(name, std::span(text).first(wire::kLongestText))] = '\0';
  return psl_is_public_suffix2(list, text.data(), sections | PSL_TYPE_NO_STAR_RULE) != 0;
}

}  // namespace

Result<ParsedRule> parse_rule(std::string_view text) {
  WordReader words(text);
  const std::string_view rule = words.next().text;
  const std::string_view second = words.next().text;
  if (rule.empty()) return fail(fmt::format("empty rule: {}", kRuleForms));
  if ((!second.empty() && second != "force") || !words.next().text.empty()) {
    return fail(fmt::format("{}: only `force` may follow a rule", quote(text)));
  }
  std::string_view name_text = rule;
  auto ports = take_ports(name_text);
  if (!ports) {
    return fail(fmt::format(
        "{}: expected ports after the colon, such as `:22,443` or `:tcp/22`; a name has no scheme",
        quote(rule)));
  }
  const Scope scope = take_scope(name_text);
  const auto name = wire::DomainName::from_text(name_text);
  // The name as printed, so that escapes don't hide anything.
  const std::string_view wrong = name ? mistaken_for(name->to_text()) : name.error();
  if (!wrong.empty()) return fail(fmt::format("{}: {}; {}", quote(rule), wrong, kRuleForms));
  return ParsedRule{
      .name = *name, .scope = scope, .force = !second.empty(), .ports = *std::move(ports)};
}

Result<ParsedRule> parse_rule(std::string_view text, Action action) {
  auto rule = parse_rule(text);
  if (rule && action == Action::kDeny && !rule->ports.empty()) {
    return fail(fmt::format("{}: only allow rules have ports", quote(text)));
  }
  if (!rule || action == Action::kDeny || rule->scope == Scope::kExact || rule->force) return rule;
  if (!is_public_suffix(rule->name.wire())) return rule;
  const bool registrys = rule->name.is_root() || is_suffix(rule->name.wire(), PSL_TYPE_ICANN);
  return fail(
      fmt::format("`{0}` would allow everything under a public suffix, {1}; if that is "
                  "intended, write `{0} force`",
                  WordReader(text).next().text,
                  registrys ? "where anybody can register a name"
                            : "below which a provider's customers have names"));
}

std::string to_string(Scope scope, const wire::DomainName& name) {
  std::array<char, 2 + wire::kLongestText> text;
  return {text.data(), write_text(scope, name.wire(), text)};
}

std::size_t write_text(Scope scope, Bytes name, std::span<char> out) noexcept {
  const bool every_name = scope == Scope::kBelow && name.size() == 1;
  const std::string_view front = scope == Scope::kExact   ? "="
                                 : every_name             ? "*"
                                 : scope == Scope::kBelow ? "*."
                                                          : "";
  const std::size_t size = front.copy(out.data(), out.size());
  return every_name ? size : size + wire::write_text(name, out.subspan(size));
}

wire::DomainName registered_domain(const wire::DomainName& name) {
  constexpr std::size_t kDeepestSuffix = 5;  // the list has no registry's suffix of more than 4
  const wire::SuffixHashes suffixes(name, wire::process_hash_key());
  std::size_t longest = 0;
  for (std::size_t depth = 1; depth <= std::min(suffixes.depth(), kDeepestSuffix); ++depth) {
    if (is_suffix(suffixes.suffix(depth), PSL_TYPE_ICANN)) longest = depth;
  }
  return wire::DomainName::parse(suffixes.suffix(std::min(longest + 1, suffixes.depth())))
      .value_or(name);
}

bool is_public_suffix(Bytes name) { return name.size() == 1 || is_suffix(name, PSL_TYPE_ANY); }

}  // namespace nxgate::policy
