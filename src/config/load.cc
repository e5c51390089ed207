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
#include "config/reading.h"
#include "config/settings.h"
#include "config/syntax.h"

namespace nxgate::config {
namespace {

/// What toml++ says is its own words with a quotation in them.
constexpr std::size_t kLongestParserText = 240;

/// The same without "Error while parsing a thing: " in front.
std::string_view reason_of(const toml::parse_error& error) {
  const std::string_view text = error.description();
  const std::size_t colon = text.starts_with("Error while parsing ") ? text.find(": ") : text.npos;
  return colon == text.npos ? text : text.substr(colon + 2);
}

}  // namespace

Settings read_toml(std::string_view text, const std::string& file, Context& context) {
  Settings settings;
  if (!check_syntax(text, file, context)) return settings;
  Reading reading{context, file};
  try {
    const toml::table document = toml::parse(text, file);
    read_table(reading, document, document_fields(), settings);
  } catch (const toml::parse_error& error) {
    context.fault(reading.at(error.source()), shortened(reason_of(error), kLongestParserText));
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
