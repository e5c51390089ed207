// Lists of names that come with the program: what a package manager, a registry or an API needs.
#pragma once

#include <span>
#include <string_view>

#include "policy/list.h"

namespace nxgate::policy {

/// One of `presets/*.list` in the source tree: a list of allow rules, each with its ports. Its
/// first comments say what it is for, which public documents it follows (`Follows: URL`), and when
/// it was compared with them (`Checked: DATE`).
struct Preset {
  std::string_view name;  ///< that of the file: `npm`
  std::string_view text;

  /// What it is for: the first line.
  [[nodiscard]] std::string_view summary() const noexcept;
};

/// All, in the order of their names.
[[nodiscard]] std::span<const Preset> presets() noexcept;

/// The one of that name; null if there is none.
[[nodiscard]] const Preset* find_preset(std::string_view name) noexcept;

/// Its rules, which stand in the file `preset NAME`.
[[nodiscard]] ParsedList rules_of(const Preset& preset);

}  // namespace nxgate::policy
