// Every key of the configuration, in one table: reading, `check`, the unknown-key faults and the
// reference page come from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace nxgate::config {

/// A key as it is documented. `path` has `*` for a name the operator chooses and `[]` for the
/// elements of a list.
struct Key {
  std::string path;
  std::string_view type;
  std::string_view fallback;
  std::string_view doc;
  bool sealed;  ///< taken at start only; a reload that changes it is refused
};

/// All keys, section by section.
[[nodiscard]] std::vector<Key> keys();

/// The sealed keys in which two configurations differ.
[[nodiscard]] std::vector<std::string> sealed_changes(const Settings& running,
                                                      const Settings& next);

/// What is to be known before the keys: paragraphs of Markdown.
[[nodiscard]] std::string_view preface();

/// The reference page, docs/configuration.md, as Markdown.
[[nodiscard]] std::string reference_page();

}  // namespace nxgate::config
