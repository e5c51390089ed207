#include "config/load.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <toml++/toml.h>

#include "base/error.h"
#include "base/escape.h"
#include "config/context.h"
#include "config/fields.h"
#include "config/guard.h"
#include "config/reading.h"
#include "config/settings.h"

namespace nxgate::config {
namespace {

/// What the parser says is its own words with a quotation in them.
constexpr std::size_t kLongestParserText = 240;

}  // namespace

Settings read_toml(std::string_view text, const std::string& file, Context& context) {
  Settings settings;
  if (auto fault = guard(text, file)) {
    context.faults.push_back(*std::move(fault));
    return settings;
  }
  Reading reading{context, file};
  try {
    const toml::table document = toml::parse(text, file);
    read_table(reading, document, document_fields(), settings);
  } catch (const toml::parse_error& error) {
    context.fault(reading.at(error.source()), shortened(error.description(), kLongestParserText));
  }
  return settings;
}

void sort_faults(Faults& faults, const std::string& file) {
  std::ranges::sort(faults, {}, [&](const Fault& fault) {
    return std::tuple(fault.at.file != file, std::string_view(fault.at.file), fault.at.line,
                      fault.at.column, std::string_view(fault.text));
  });
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {};
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace nxgate::config
