#include "learn/labels.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ascii.h"
#include "base/bytes.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

bool is_letter(char one) { return one >= 'a' && one <= 'z'; }
bool is_hex(char one) { return is_digit(one) || (one >= 'a' && one <= 'f'); }

/// A part of a label between dashes that nobody would think of: hex digits of both kinds, or
/// letters and digits that take turns.
bool looks_random(std::string_view part) {
  constexpr std::size_t kShortest = 8;
  constexpr std::size_t kTurns = 4;
  if (part.size() < kShortest) return false;
  const bool has_digit = std::ranges::any_of(part, is_digit);
  const bool has_letter = std::ranges::any_of(part, is_letter);
  if (!has_digit || !has_letter) return false;
  if (std::ranges::all_of(part, is_hex)) return true;
  std::size_t turns = 0;
  for (std::size_t i = 1; i < part.size(); ++i) turns += is_digit(part[i]) != is_digit(part[i - 1]);
  return turns >= kTurns;
}

}  // namespace

Labels::Labels(const wire::DomainName& name) noexcept : wire_(name.wire()) {
  std::size_t at = 0;
  for (; wire_[at] != 0; at += 1U + wire_[at]) starts_[count_++] = static_cast<std::uint8_t>(at);
  starts_[count_] = static_cast<std::uint8_t>(at);
}

std::string_view Labels::operator[](std::size_t index) const noexcept {
  const std::size_t start = starts_[count_ - 1 - index];
  return {reinterpret_cast<const char*>(&wire_[start + 1]), wire_[start]};
}

wire::DomainName Labels::suffix_name(std::size_t labels) const noexcept {
  return wire::DomainName::parse(suffix(labels)).value_or(wire::DomainName());
}

wire::DomainName Labels::without_suffix(std::size_t labels) const noexcept {
  std::array<std::uint8_t, wire::kLongestName> front{};
  const std::size_t size = starts_[count_ - labels];
  std::copy_n(wire_.begin(), size, front.begin());
  return wire::DomainName::parse(Bytes(front).first(size + 1)).value_or(wire::DomainName());
}

bool root_first(const wire::DomainName& one, const wire::DomainName& other) noexcept {
  const Labels left(one);
  const Labels right(other);
  const std::size_t common = std::min(left.count(), right.count());
  for (std::size_t i = 0; i < common; ++i) {
    if (left[i] != right[i]) return left[i] < right[i];
  }
  return left.count() < right.count();
}

Shape shape_of(std::string_view label) {
  // No one writes three dashes, but Google's caches do.
  if (label.find("---") != std::string_view::npos) return {Make::kRandom, {}};
  for (std::size_t at = 0; at <= label.size();) {
    const std::size_t end = std::min(label.find('-', at), label.size());
    if (looks_random(label.substr(at, end - at))) return {Make::kRandom, {}};
    at = end + 1;
  }
  Shape shape;
  for (const char one : label) {
    if (!is_digit(one)) {
      shape.pattern += one;
    } else if (!shape.pattern.ends_with('#')) {
      shape.make = Make::kNumbered;
      shape.pattern += '#';
    }
  }
  if (shape.make == Make::kPlain) shape.pattern.clear();
  return shape;
}

}  // namespace nxgate::learn
