#include "base/duration.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "base/clock.h"

namespace nxgate {
namespace {

struct Unit {
  std::string_view suffix;
  std::int64_t milliseconds;
};

constexpr std::array<Unit, 5> kUnits{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::int64_t kLongest = 10LL * 365 * 86'400'000;

}  // namespace

std::optional<Milliseconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count < 0) return std::nullopt;
  const auto unit = std::ranges::find(
      kUnits, text.substr(static_cast<std::size_t>(rest - text.data())), &Unit::suffix);
  if (unit == kUnits.end() || count > kLongest / unit->milliseconds) return std::nullopt;
  return Milliseconds(count * unit->milliseconds);
}

std::string to_string(Milliseconds duration) {
  for (const Unit& unit : std::views::reverse(kUnits)) {
    if (duration.count() % unit.milliseconds == 0 && duration.count() >= unit.milliseconds) {
      return fmt::format("{}{}", duration.count() / unit.milliseconds, unit.suffix);
    }
  }
  return "0s";
}

}  // namespace nxgate
