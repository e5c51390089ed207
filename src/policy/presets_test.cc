#include "policy/presets.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "policy/list.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

/// Each entry of a preset as `=name`, with its ports.
std::map<std::string, Ports> entries_of(const Preset& preset) {
  const ParsedList list = rules_of(preset);
  EXPECT_THAT(list.faults, IsEmpty()) << preset.name;
  EXPECT_EQ(list.skipped_lines, 0U) << preset.name;
  std::map<std::string, Ports> entries;
  for (std::size_t i = 0; i < list.entries.size(); ++i) {
    const std::string text =
        to_string(list.entries[i].scope, *wire::DomainName::parse(list.name(i)));
    const auto ports = std::ranges::find(list.ports, i, &std::pair<std::size_t, Ports>::first);
    const bool has_ports = ports != list.ports.end();
    EXPECT_TRUE(entries.emplace(text, has_ports ? ports->second : Ports()).second)
        << preset.name << " has " << text << " twice";
  }
  return entries;
}

TEST(Presets, AreThoseOfTheTreeByName) {
  std::vector<std::string_view> names;
  for (const Preset& preset : presets()) names.push_back(preset.name);
  EXPECT_THAT(names,
              ElementsAre("anthropic", "apt-debian", "apt-ubuntu", "cargo", "conda", "docker-hub",
                          "ghcr", "github", "gitlab", "go", "huggingface", "maven", "nix", "npm",
                          "openai", "pypi", "quay", "rubygems", "vscode"));
  EXPECT_EQ(find_preset("npm")->name, "npm");
  EXPECT_EQ(find_preset("npn"), nullptr);
  EXPECT_EQ(find_preset(""), nullptr);
}

TEST(Presets, SayWhatTheyAreForAndWhatTheyFollowSinceWhen) {
  for (const Preset& preset : presets()) {
    EXPECT_THAT(
        std::string(preset.text),
        ContainsRegex("^# [A-Z][^\n]*\\.\n(# Follows: https://[^ \n]+\n)+"
                      "# Checked: 20[0-9][0-9]-[01][0-9]-[0-3][0-9], (not )?against [^\n]+\n"))
        << preset.name;
    EXPECT_THAT(std::string(preset.summary()), Not(ContainsRegex("^#|\n"))) << preset.name;
    EXPECT_LE(preset.summary().size(), 66U)
        << preset.name << ": a line of a terminal, beside its name";
  }
}

TEST(Presets, HaveRulesWithPortsAndNoPublicSuffix) {
  for (const Preset& preset : presets()) {
    const auto entries = entries_of(preset);
    EXPECT_THAT(entries, Not(IsEmpty())) << preset.name;
    for (const auto& [text, ports] : entries) {
      EXPECT_THAT(ports, Not(IsEmpty())) << preset.name << ": " << text;
      const auto rule = parse_rule(text);
      EXPECT_TRUE(rule->scope != Scope::kSubtree) << preset.name << ": " << text;
      EXPECT_TRUE(rule->scope == Scope::kExact || !is_public_suffix(rule->name.wire()))
          << preset.name << ": " << text;
    }
  }
}

TEST(Presets, OpenTheSamePortsWhereverANameIs) {
  std::map<std::string, Ports> known;
  for (const Preset& preset : presets()) {
    for (const auto& [text, ports] : entries_of(preset)) {
      EXPECT_EQ(known.emplace(text, ports).first->second, ports) << preset.name << ": " << text;
    }
  }
}

TEST(Presets, StandAsAFileOfTheirOwn) {
  const ParsedList list = rules_of(*find_preset("npm"));
  EXPECT_EQ(list.file, "preset npm");
  EXPECT_EQ(list.action, Action::kAllow);
}

}  // namespace
}  // namespace nxgate::policy
