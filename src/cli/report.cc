#include "cli/report.h"

#include <cstdio>

#include <fmt/core.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/log.h"
#include "cli/options.h"

namespace nxgate::cli {

bool report(const Faults& faults, const Faults& warnings) {
  for (const Fault& fault : faults) {
    fmt::print(stderr, "{}{}\n", log::journal_prefix(log::Level::kError),
               shortened(to_string(fault), kLongestLine));
  }
  for (const Fault& warning : warnings) {
    fmt::print(stderr, "{}{}: warning: {}\n", log::journal_prefix(log::Level::kWarning),
               escaped(to_string(warning.at)), shortened(warning.text, kLongestLine));
  }
  return !faults.empty();
}

int failed(std::string_view text) {
  fmt::print(stderr, "nxgate: {}\n", escaped(text));
  return kFailure;
}

}  // namespace nxgate::cli
