// The way in: configuration text to settings.
#pragma once

#include <string>
#include <string_view>

#include "config/context.h"
#include "config/settings.h"

namespace nxgate::config {

/// Reads TOML text into settings, reporting faults to `context`; `file` is the path as the operator
/// wrote it. Call `complete` afterwards, once everything else has had its say.
[[nodiscard]] Settings read_toml(std::string_view text, const std::string& file, Context& context);

/// Orders faults as a reader meets them: those of `file` first, by line and column.
void sort_faults(Faults& faults, const std::string& file);

/// The folder of a path, to which the paths inside that file are relative; empty for the current.
[[nodiscard]] std::string folder_of(const std::string& path);

}  // namespace nxgate::config
