// One answer out of two, where the first ends with an alias.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace nxgate::wire {

/// Writes a response that has the question of `first`, the answers of both, and the rcode and
/// authority section of `second`, which answers for the name at the end of the chain in `first`.
/// All names are uncompressed. Returns its size; 0 if either is no well-formed response with a
/// question of class IN and an uncompressed name, the whole has more than kMostRecords, or `out` is
/// too small. No heap, never throws.
[[nodiscard]] std::size_t join_answers(Bytes first, Bytes second, MutableBytes out) noexcept;

}  // namespace nxgate::wire
