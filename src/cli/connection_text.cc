#include "cli/connection_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

#include "base/json.h"

namespace nxgate::cli {

namespace json = boost::json;

namespace {

using Row = std::array<std::string, 8>;

constexpr std::array<std::string_view, 8> kHeadings{"CLIENT",    "NAME", "SERVER", "POLICY",
                                                    "CONTAINER", "AGE",  "SENT",   "RECEIVED"};

/// `1.5 MiB`.
std::string size_text(double octets) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (octets >= 1024 && unit + 1 < kUnits.size()) {
    octets /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", octets)
                   : fmt::format("{:.1f} {}", octets, kUnits[unit]);
}

/// `1:05:09`, without hours if there are none.
std::string age_text(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds);
  const std::string hours = total < 3600 ? "" : fmt::format("{}:", total / 3600);
  return fmt::format("{}{:02}:{:02}", hours, total / 60 % 60, total % 60);
}

Row row_of(const json::object& each) {
  return {text_of(each, "client"),
          text_of(each, "name"),
          text_of(each, "server"),
          text_of(each, "policy"),
          text_of(each, "container"),
          age_text(number_of(each, "seconds")),
          size_text(number_of(each, "sent")),
          size_text(number_of(each, "received"))};
}

std::string line_of(const Row& row, const std::array<std::size_t, 8>& widths) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    line += fmt::format("{}{:<{}}", i == 0 ? "" : "  ", row[i], widths[i]);
  }
  return line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
}

}  // namespace

std::string connection_text(const json::object& event) {
  const std::string server = text_of(event, "server");
  std::string details;
  if (event.contains("ms")) {
    details = fmt::format("{} sent, {} received, {:.3f} s", size_text(number_of(event, "sent")),
                          size_text(number_of(event, "received")), number_of(event, "ms") / 1000);
  }
  for (const char* const key : {"why", "rule"}) {
    if (!event.contains(key)) continue;
    details += (details.empty() ? "" : ", ") + text_of(event, key);
  }
  if (event.contains("encrypted_hello")) {
    details += fmt::format("{}with ECH", details.empty() ? "" : ", ");
  }
  return fmt::format("{:<8} {:<5} {}{}{}", "connect", server.substr(server.rfind(':') + 1),
                     event.contains("name") ? text_of(event, "name") + " at " : "", server,
                     details.empty() ? "" : fmt::format(" ({})", details));
}

std::string connections_text(const json::object& answer) {
  const json::array& open = list_of(answer, "connections");
  if (open.empty()) return "no connections whose names are checked are open\n";
  std::vector<Row> rows(1);
  std::ranges::copy(kHeadings, rows.front().begin());
  for (const json::value& each : open) rows.push_back(row_of(each.get_object()));
  std::array<std::size_t, 8> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) text += line_of(row, widths);
  return text;
}

}  // namespace nxgate::cli
