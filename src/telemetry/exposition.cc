#include "telemetry/exposition.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace nxgate::telemetry {
namespace {

/// As both forms want it in a label's value.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void MetricsWriter::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  counter_ = type == "counter";
  // Prometheus' form calls the family as its samples are called.
  const bool suffixed = counter_ && form_ == Exposition::kPrometheus;
  const std::string title = name_ + (suffixed ? "_total" : "");
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", title, help, title, type);
}

void MetricsWriter::sample(std::string_view suffix, double value, Labels labels) {
  text_ += name_;
  text_ += counter_ ? "_total" : suffix;
  char separator = '{';
  for (const auto& [label, content] : labels) {
    text_ += fmt::format("{}{}=\"{}\"", separator, label, escaped(content));
    separator = ',';
  }
  if (labels.size() != 0) text_ += '}';
  text_ += fmt::format(" {}\n", value);
}

std::string MetricsWriter::finish() {
  if (form_ == Exposition::kOpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace nxgate::telemetry
