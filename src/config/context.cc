#include "config/context.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/escape.h"

namespace nxgate::config {
namespace {

constexpr std::size_t kLongestKnown = 64;

/// Levenshtein distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0UL);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

void Context::fault(const Location& at, std::string text) {
  const std::size_t here = ++found[at.file];
  if (here > kMostFaults + 1 || faults.size() > kMostFaultsInAll) return;
  if (here > kMostFaults) {
    text = fmt::format("stopped after {} errors in this file", kMostFaults);
  } else if (faults.size() == kMostFaultsInAll) {
    text = fmt::format("stopped after {} errors", kMostFaultsInAll);
  }
  faults.push_back({at, std::move(text)});
}

void Context::add(Faults more) {
  for (Fault& each : more) fault(each.at, std::move(each.text));
}

bool Context::stopped(const std::string& file) const {
  const auto here = found.find(file);
  return faults.size() > kMostFaultsInAll || (here != found.end() && here->second > kMostFaults);
}

std::string Context::resolve(const std::string& path) const {
  if (path.starts_with('/') || directory.empty()) return path;
  return directory + (directory.ends_with('/') ? "" : "/") + path;
}

std::string in_quotes(std::string_view text) { return quote(text, '"'); }

std::string suggestion(std::string_view text, const std::vector<std::string_view>& known) {
  if (text.size() > kLongestKnown) return {};
  std::string_view best;
  std::size_t least = text.size() / 3 + 2;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(text, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best.empty() ? std::string() : fmt::format(" (did you mean \"{}\"?)", best);
}

}  // namespace nxgate::config
