// Lines of lists in the formats of other programs.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/address.h"
#include "base/ascii.h"
#include "base/escape.h"
#include "policy/list_builder.h"
#include "policy/rule.h"
#include "policy/words.h"

namespace nxgate::policy {
namespace {

/// What hosts files say of the host itself.
constexpr std::array<std::string_view, 11> kOwnNames{
    "localhost",     "localhost.localdomain", "local",        "broadcasthost",
    "ip6-localhost", "ip6-loopback",          "ip6-localnet", "ip6-mcastprefix",
    "ip6-allnodes",  "ip6-allrouters",        "ip6-allhosts",
};

/// Between a page and the parts of it that a filter hides.
constexpr std::array<std::string_view, 4> kPageMarks{"##", "#@#", "#?#", "#$#"};

bool begins_with_page_mark(std::string_view text) {
  return std::ranges::any_of(kPageMarks,
                             [&](std::string_view mark) { return text.starts_with(mark); });
}

/// A rule about a name as the format writes it.
void add(ListBuilder& list, std::string_view name, Scope scope, const Word& at) {
  const auto rule = parse_rule(name);
  if (!rule) return list.fault(at.column, rule.error().message);
  if (rule->scope != Scope::kSubtree || !rule->ports.empty()) {
    return list.fault(at.column, fmt::format("{}: expected a name", quote(name)));
  }
  const bool widens = list.action() == Action::kAllow && scope != Scope::kExact;
  if (widens && is_public_suffix(rule->name.wire())) {
    return list.skip(at, "it would allow everything under a public suffix");
  }
  list.rule(rule->name.wire(), scope, at.column);
}

/// Whether it may be a name of its own, and not a part of one.
bool is_whole_name(std::string_view text) {
  return text.find('.') != std::string_view::npos && !text.starts_with('.') &&
         !text.starts_with('-') && !text.ends_with('-') &&
         std::ranges::all_of(text, is_host_character);
}

/// Options of a filter that leave it about every question for a name, or that lists for DNS leave
/// out: a server can't tell who is a third party.
bool are_for_all(std::string_view options) {
  constexpr std::array<std::string_view, 7> kOptions{"all",   "doc", "document",   "important",
                                                     "popup", "3p",  "third-party"};
  while (true) {
    const auto comma = options.find(',');
    if (std::ranges::count(kOptions, options.substr(0, comma)) == 0) return false;
    if (comma == std::string_view::npos) return true;
    options.remove_prefix(comma + 1);
  }
}

/// `||name^` or `||*.name^`, whose options change nothing for DNS; reports anything else.
void read_filter(ListBuilder& list, std::string_view filter, const Word& at) {
  const auto dollar = filter.find('$');
  if (dollar != std::string_view::npos) {
    if (!are_for_all(filter.substr(dollar + 1))) {
      return list.skip(at, "its options need a browser");
    }
    filter = filter.substr(0, dollar);
  }
  const bool anchored = filter.starts_with("||");
  if (anchored) filter.remove_prefix(2);
  const bool ends = filter.ends_with('^') || filter.ends_with("^|");
  if (anchored && ends) filter = filter.substr(0, filter.find('^'));
  Scope scope = Scope::kSubtree;
  if (filter.starts_with("*.")) {
    scope = Scope::kBelow;
    filter.remove_prefix(2);
  }
  // Without its anchors it is a rule only if it is a name as it stands.
  if ((anchored != ends) || !is_whole_name(filter)) {
    return list.skip(at, "it matches parts of names or URLs, not whole names");
  }
  add(list, filter, scope, at);
}

/// What a response policy zone does with names.
enum class ZoneAction : std::uint8_t { kDeny, kPass, kOther };

ZoneAction action_of(std::string_view target) {
  if (target == "." || target == "*." || target == "rpz-drop.") return ZoneAction::kDeny;
  return target == "rpz-passthru." ? ZoneAction::kPass : ZoneAction::kOther;
}

/// The name that a record's owner is about; empty if it is about something else.
std::string_view name_of_owner(std::string_view owner, std::string_view origin) {
  const std::string below = "." + std::string(origin);
  if (owner.ends_with('.')) {
    if (origin.empty() || !owner.ends_with(below)) return {};
    owner.remove_suffix(below.size());
  }
  for (const std::string_view trigger : {"rpz-ip", "rpz-client-ip", "rpz-nsdname", "rpz-nsip"}) {
    if (owner.ends_with(trigger)) return {};
  }
  return owner;
}

constexpr std::string_view kException =
    "exceptions of a list aren't applied; allow the name in the policy, by a longer rule";

}  // namespace

void read_hosts_line(ListBuilder& list, std::string_view line) {
  line = without_comment(line);
  WordReader words(line);
  const Word first = words.next();
  if (first.text.empty()) return;
  const auto address = address_in(first.text);
  if (!address) return read_names_line(list, line);
  const bool leads_nowhere = address->is_unspecified() || address->is_loopback();
  for (Word word = words.next(); !word.text.empty(); word = words.next()) {
    if (std::ranges::count(kOwnNames, word.text) != 0 || address_in(word.text)) continue;
    if (leads_nowhere) {
      add(list, word.text, Scope::kExact, word);
    } else {
      list.skip(word, fmt::format("it leads to {}; files of `hosts-files` answer such names",
                                  address->to_string()));
    }
  }
}

void read_adblock_line(ListBuilder& list, std::string_view line) {
  const Word first = WordReader(line).next();
  const bool comment = first.text.starts_with('!') || first.text.starts_with('[') ||
                       (first.text.starts_with('#') && !begins_with_page_mark(first.text));
  if (first.text.empty() || comment) return;
  if (std::ranges::any_of(kPageMarks, [&](std::string_view mark) { return line.contains(mark); })) {
    return list.skip(first, "it is about parts of pages");
  }
  if (address_in(first.text)) return read_hosts_line(list, line);
  if (first.text.starts_with('/')) return list.skip(first, "a regular expression is no rule");
  if (!first.text.starts_with("@@")) return read_filter(list, first.text, first);
  if (list.action() == Action::kDeny) return list.skip(first, kException);
  read_filter(list, first.text.substr(2), first);
}

void read_zone_line(ListBuilder& list, std::string_view line) {
  // Lines that go on with the record above are those of the SOA.
  if (line.empty() || line.starts_with(' ') || line.starts_with('\t')) return;
  line = without_comment(line, ';');
  WordReader words(line);
  const Word owner = words.next();
  if (owner.text.empty() || owner.text == "@" || owner.text.starts_with('$')) return;
  Word type = words.next();
  while (!type.text.empty() && (type.text == "IN" || parse_number<unsigned>(type.text))) {
    type = words.next();
  }
  if (type.text == "SOA" || type.text == "NS") return;
  if (type.text != "CNAME") return list.skip(owner, "only its CNAME records are rules");
  const std::string_view name = name_of_owner(owner.text, list.origin());
  if (name.empty()) return list.skip(owner, "it isn't about a name that is asked for");
  const ZoneAction action = action_of(words.next().text);
  if (action == ZoneAction::kOther) return list.skip(owner, "it leads to another name");
  const bool denies = list.action() == Action::kDeny;
  if (denies && action == ZoneAction::kPass) return list.skip(owner, kException);
  const bool below = name.starts_with("*.");
  add(list, below ? name.substr(2) : name, below ? Scope::kBelow : Scope::kExact, owner);
}

}  // namespace nxgate::policy
