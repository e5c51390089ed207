#include "engine/exfiltration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "policy/exfiltration.h"
#include "wire/types.h"

namespace nxgate::engine {
namespace {

bool has_long_label(Bytes labels, std::uint32_t longest) noexcept {
  for (std::size_t at = 0; at < labels.size(); at += 1U + labels[at]) {
    if (labels[at] > longest) return true;
  }
  return false;
}

/// Whether labels are long enough to exceed `bits` if all their octets differ; most are not, and
/// needn't be counted.
bool may_exceed(Bytes labels, std::uint32_t bits) noexcept {
  const auto size = static_cast<double>(labels.size());
  return size > 1 && size * std::log2(size) > bits;
}

}  // namespace

std::string_view to_string(ExceededLimit exceeded) noexcept {
  switch (exceeded) {
    case ExceededLimit::kNone:
      break;
    case ExceededLimit::kType:
      return "types";
    case ExceededLimit::kLongLabel:
      return "longest-label";
    case ExceededLimit::kEntropy:
      return "entropy";
    case ExceededLimit::kNewNames:
      return "new-names";
  }
  return {};
}

Bytes labels_below(Bytes name, Bytes suffix) noexcept {
  return name.first(name.size() - std::min(suffix.size(), name.size()));
}

double entropy_of(Bytes labels) noexcept {
  std::array<std::uint16_t, 256> counts{};
  double octets = 0;
  for (std::size_t at = 0; at < labels.size(); at += 1U + labels[at]) {
    const Bytes label =
        labels.subspan(at + 1, std::min<std::size_t>(labels[at], labels.size() - at - 1));
    for (const std::uint8_t octet : label) ++counts[octet];
    octets += static_cast<double>(label.size());
  }
  double bits = 0;
  for (const std::uint16_t count : counts) {
    if (count != 0) bits += count * std::log2(octets / count);
  }
  return bits;
}

ExceededLimit exceeded_limit(const policy::Exfiltration& limits, wire::Type type,
                             Bytes labels) noexcept {
  if (!limits.types.empty() && std::ranges::find(limits.types, type) == limits.types.end()) {
    return ExceededLimit::kType;
  }
  return exceeded_limit(limits, labels);
}

ExceededLimit exceeded_limit(const policy::Exfiltration& limits, Bytes labels) noexcept {
  if (has_long_label(labels, limits.longest_label)) return ExceededLimit::kLongLabel;
  const bool judged = limits.entropy != 0 && may_exceed(labels, limits.entropy);
  return judged && entropy_of(labels) > limits.entropy ? ExceededLimit::kEntropy
                                                       : ExceededLimit::kNone;
}

}  // namespace nxgate::engine
