#include "policy/rule_set.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "policy/rule.h"
#include "policy/words.h"
#include "wire/name.h"

namespace nxgate::policy {

void RuleSet::add(const Rule& rule) {
  const Bytes name = rule.name.wire();
  if (names_.size() + name.size() > UINT32_MAX) throw std::length_error("more rules than 4 GiB");
  if (files_.empty() || files_.back() != rule.at.file) files_.push_back(rule.at.file);
  constexpr std::uint32_t kLastColumn = 0xff'ffff;
  entries_.push_back({
      .name_at = static_cast<std::uint32_t>(names_.size()),
      .line = rule.at.line,
      .column = std::min(rule.at.column, kLastColumn) & kLastColumn,
      .scope = static_cast<std::uint32_t>(rule.scope) & 0xfU,
      .action = static_cast<std::uint32_t>(rule.action) & 0xfU,
      .file = static_cast<std::uint32_t>(files_.size() - 1),
  });
  names_.insert(names_.end(), name.begin(), name.end());
  if (!rule.ports.empty()) ports_[static_cast<std::uint32_t>(entries_.size() - 1)] = rule.ports;
}

const Ports* RuleSet::ports_of(std::uint32_t index) const noexcept {
  const auto found = ports_.find(index);
  return found == ports_.end() ? nullptr : &found->second;
}

Rule RuleSet::operator[](std::uint32_t index) const {
  const Entry& entry = entries_[index];
  return rule_of(entry, name_of(entry));
}

bool RuleSet::mentions(const wire::DomainName& name) const noexcept {
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    const Bytes wire = name.wire();
    return names_.size() - entry.name_at >= wire.size() &&
           std::equal(wire.begin(), wire.end(), names_.data() + entry.name_at);
  });
}

Bytes RuleSet::name_of(const Entry& entry) const noexcept {
  std::size_t end = entry.name_at;
  while (names_[end] != 0) end += 1U + names_[end];
  return Bytes(names_).subspan(entry.name_at, end + 1 - entry.name_at);
}

Rule RuleSet::rule_of(const Entry& entry, Bytes name) const {
  return {.name = wire::DomainName::parse(name).value_or(wire::DomainName{}),
          .scope = static_cast<Scope>(entry.scope),
          .action = static_cast<Action>(entry.action),
          .at = {.file = files_[entry.file], .line = entry.line, .column = entry.column}};
}

Faults parse_list(std::string_view text, std::string_view file, Action action, RuleSet& rules) {
  Faults faults;
  Rule rule{.action = action, .at = {.file = std::string(file)}};
  LineReader lines(text);
  while (const auto line = lines.next()) {
    const Word first = WordReader(*line).next();
    if (first.text.empty()) continue;
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
  return faults;
}

}  // namespace nxgate::policy
