#include "policy/presets.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "policy/list.h"
#include "policy/rule.h"

namespace nxgate::policy {
namespace {

constexpr auto kPresets = std::to_array<Preset>({
#include "presets.inc"  // made by cmake/presets.cmake
});

}  // namespace

std::string_view Preset::summary() const noexcept {
  constexpr std::size_t kMark = 2;  // `# `
  return text.substr(kMark, text.find('\n') - kMark);
}

std::span<const Preset> presets() noexcept { return kPresets; }

const Preset* find_preset(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kPresets, name, &Preset::name);
  return found == kPresets.end() ? nullptr : found;
}

ParsedList rules_of(const Preset& preset) {
  return parse_list(preset.text, {.file = "preset " + std::string(preset.name)}, Action::kAllow);
}

}  // namespace nxgate::policy
