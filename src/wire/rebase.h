// Moving stored sections to another place in a message.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace nxgate::wire {

/// Rewrites the owners of `body`, which was scrubbed to stand at offset `made_for` behind its own
/// question, so that it can stand at `placed_at`: pointers to the qname become pointers to
/// `qname_at`, those into the body move along. False, with the body half rewritten, if it is
/// malformed or a pointer would not fit 14 bits.
[[nodiscard]] bool rebase_owners(MutableBytes body, std::size_t made_for, std::size_t placed_at,
                                 std::size_t qname_at) noexcept;

}  // namespace nxgate::wire
