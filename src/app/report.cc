#include "app/report.h"

#include <cstdio>

#include <fmt/core.h>

#include "app/settings_source.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/log.h"

namespace nxgate::app {

bool report(const LoadedSettings& loaded) {
  for (const Fault& fault : loaded.faults) {
    fmt::print(stderr, "{}{}\n", log::journal_prefix(log::Level::kError),
               escaped(to_string(fault)));
  }
  for (const Fault& warning : loaded.warnings) {
    fmt::print(stderr, "{}{}: warning: {}\n", log::journal_prefix(log::Level::kWarning),
               to_string(warning.at), escaped(warning.text));
  }
  return !loaded.faults.empty();
}

}  // namespace nxgate::app
