// Limits against exfiltration of data in query names.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "policy/exfiltration.h"
#include "wire/types.h"

namespace nxgate::engine {

/// Which limit of `[policies.NAME.exfiltration]` a question exceeds.
enum class ExceededLimit : std::uint8_t { kNone = 0, kType, kLongLabel, kEntropy, kNewNames };

/// The limit's key in the configuration.
[[nodiscard]] std::string_view to_string(ExceededLimit exceeded) noexcept;

/// The labels of `name` in front of `suffix`, in wire form; empty if there are none. `suffix` must
/// be one, with its zero octet.
[[nodiscard]] Bytes labels_below(Bytes name, Bytes suffix) noexcept;

/// Shannon's entropy of the octets of labels in wire form, their lengths left out, in bits.
[[nodiscard]] double entropy_of(Bytes labels) noexcept;

/// Checks the labels only: every limit except those of types and of new names.
[[nodiscard]] ExceededLimit exceeded_limit(const policy::Exfiltration& limits,
                                           Bytes labels) noexcept;

/// Checks one question only: every limit except that of new names.
[[nodiscard]] ExceededLimit exceeded_limit(const policy::Exfiltration& limits, wire::Type type,
                                           Bytes labels) noexcept;

}  // namespace nxgate::engine
