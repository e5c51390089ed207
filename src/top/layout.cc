#include "top/layout.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <fmt/core.h>

#include "base/json.h"
#include "top/model.h"
#include "top/view.h"

namespace nxgate::top {

namespace {

constexpr std::size_t kFixedColumns = 48;  ///< of a row of the names, all but the name
constexpr std::size_t kLeastName = 12;
constexpr std::string_view kKeys =
    "q quit  tab list  a allow  A save  d deny  e explain  / find  c client  r reset";

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80; }

/// How many characters; each counts once, with all its bytes.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

/// Where the character of this number begins.
std::size_t offset_of(std::string_view text, std::size_t character) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins_character(text[i]) && character-- == 0) return i;
  }
  return text.size();
}

/// No wider than this; `~` stands where something was cut.
std::string cut(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string(text);
  return width == 0 ? "" : std::string(text.substr(0, offset_of(text, width - 1))) + "~";
}

/// Cut in front: the end of a name says whose it is.
std::string cut_name(std::string_view name, std::size_t width) {
  const std::size_t wide = width_of(name);
  if (wide <= width || width == 0) return cut(name, width);
  return "~" + std::string(name.substr(offset_of(name, wide - width + 1)));
}

/// Goes on below itself where it is too long; one line at least.
std::vector<Line> wrapped(std::string_view text, std::size_t width, Look look) {
  std::vector<Line> lines;
  do {
    const std::size_t end = offset_of(text, std::max<std::size_t>(width, 1));
    lines.push_back({std::string(text.substr(0, end)), look});
    text.remove_prefix(end);
  } while (!text.empty());
  return lines;
}

std::string count_text(std::uint64_t count, bool or_more) {
  return fmt::format("{}{}", count, or_more ? "+" : "");
}

std::string clock_text(std::uint64_t seconds) {
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::vector<Line> head_lines(const Head& head, const View& view, const Model& model) {
  const auto& rates = part_of(head.status, "rates");
  std::string counted = "counted for " + clock_text(head.seconds);
  if (model.missed() != 0) counted += fmt::format(", {} dropped", model.missed());
  std::string only;
  if (!view.filter().empty()) only += fmt::format("  names with: {}", view.filter());
  if (!view.client().empty()) only += fmt::format("  client: {}", view.client());
  return {{fmt::format("nxgate {}, pid {}, {}", text_of(head.status, "version"),
                       text_of(head.status, "pid"), counted),
           Look::kHeading},
          {fmt::format("per second: {} queries, {} denied, {} forwarded, {} failed",
                       text_of(rates, "queries"), text_of(rates, "denied"),
                       text_of(rates, "forwarded"), text_of(rates, "failed"))},
          {only.empty() ? "" : "only" + only, Look::kPrompt}};
}

std::string name_line(std::size_t width, std::string_view count, std::string_view name,
                      std::string_view client, std::string_view rule) {
  const std::size_t wide = std::max(kLeastName, width - std::min(width, kFixedColumns));
  return fmt::format("{:>9} {:<{}} {:<17} {:<17}", count, cut_name(name, wide), wide,
                     cut(client, 17), cut(rule, 17));
}

std::string client_line(std::string_view asked, std::string_view denied, std::string_view client) {
  return fmt::format("{:>9} {:>9} {}", asked, denied, client);
}

Line row_line(std::string text, bool chosen, Look look) {
  return {(chosen ? "> " : "  ") + std::move(text), chosen ? Look::kChosen : look};
}

/// The first of `shown` rows of which `chosen` is one.
std::size_t first_shown(std::size_t chosen, std::size_t shown) {
  return chosen < shown ? 0 : chosen - shown + 1;
}

std::vector<Line> name_lines(const View& view, const Model& model, std::size_t shown,
                             std::size_t width) {
  const auto rows = view.names(model);
  const bool here = view.list() == List::kNames;
  const std::size_t chosen = view.chosen(rows);
  std::vector<Line> lines{
      {(here ? "* " : "  ") + name_line(width, "DENIED", "NAME", "LAST CLIENT", "RULE"),
       Look::kHeading}};
  for (std::size_t i = first_shown(chosen, shown); i < rows.size() && lines.size() <= shown; ++i) {
    const Denial& last = *rows[i].last;
    lines.push_back(row_line(name_line(width, count_text(rows[i].count, rows[i].or_more), last.name,
                                       last.client, last.rule),
                             here && i == chosen, Look::kDenied));
  }
  lines.resize(shown + 1);
  return lines;
}

std::vector<Line> client_lines(const View& view, const Model& model, std::size_t shown) {
  const auto rows = view.clients(model);
  const bool here = view.list() == List::kClients;
  const std::size_t chosen = view.chosen(rows);
  std::vector<Line> lines{
      {(here ? "* " : "  ") + client_line("ASKED", "DENIED", "CLIENT"), Look::kHeading}};
  for (std::size_t i = first_shown(chosen, shown); i < rows.size() && lines.size() <= shown; ++i) {
    lines.push_back(row_line(client_line(count_text(rows[i].asked, rows[i].or_more),
                                         fmt::format("{}", rows[i].denied), rows[i].client),
                             here && i == chosen, Look::kPlain));
  }
  lines.resize(shown + 1);
  return lines;
}

void append(std::vector<Line>& lines, std::vector<Line> more) {
  lines.insert(lines.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

std::vector<Line> pane_lines(const View& view, std::size_t width) {
  std::vector<Line> lines;
  for (const std::string& fact : view.pane()) append(lines, wrapped(fact, width, Look::kPlain));
  lines.push_back({"press any key to return", Look::kPrompt});
  return lines;
}

}  // namespace

std::vector<Line> lay_out(const Head& head, const View& view, const Model& model, Size size) {
  // A question is shown whole, so that it is plain what a yes means.
  std::vector<Line> foot = wrapped(view.prompt(), size.columns, Look::kPrompt);
  foot.push_back({std::string(kKeys)});
  std::vector<Line> lines = head_lines(head, view, model);
  const std::size_t fixed = lines.size() + foot.size() + 2;  // both headings
  const std::size_t rows = size.rows - std::min(size.rows, fixed);
  const std::size_t names = rows * 3 / 5;
  if (view.pane().empty()) {
    append(lines, name_lines(view, model, names, size.columns));
    append(lines, client_lines(view, model, rows - names));
  } else {
    append(lines, pane_lines(view, size.columns));
  }
  // The foot stands whatever else there is no room for.
  lines.resize(size.rows - std::min(size.rows, foot.size()));
  append(lines, std::move(foot));
  lines.resize(size.rows);
  for (Line& line : lines) line.text = cut(line.text, size.columns);
  return lines;
}

}  // namespace nxgate::top
