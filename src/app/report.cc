#include "app/report.h"

#include <cstdio>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/core.h>

#include "app/settings_source.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/log.h"

namespace nxgate::app {

bool report(const LoadedSettings& loaded) {
  for (const Fault& fault : loaded.faults) {
    fmt::print(stderr, "{}{}\n", log::journal_prefix(log::Level::kError),
               shortened(to_string(fault), kLongestLine));
  }
  for (const Fault& warning : loaded.warnings) {
    fmt::print(stderr, "{}{}: warning: {}\n", log::journal_prefix(log::Level::kWarning),
               escaped(to_string(warning.at)), shortened(warning.text, kLongestLine));
  }
  return !loaded.faults.empty();
}

boost::json::array to_json(const Faults& faults) {
  boost::json::array all;
  for (const Fault& fault : faults) {
    boost::json::object object{{"text", fault.text}};
    if (!fault.at.file.empty()) object["file"] = fault.at.file;
    if (fault.at.line != 0) object["line"] = fault.at.line;
    if (fault.at.column != 0) object["column"] = fault.at.column;
    all.push_back(std::move(object));
  }
  return all;
}

}  // namespace nxgate::app
