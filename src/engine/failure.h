// The wording of upstream failures.
#pragma once

#include <string_view>

#include "engine/upstream.h"
#include "wire/types.h"

namespace nxgate::engine {

struct FailureWords {
  wire::Ede ede;
  std::string_view text;
};

/// The EDE code of a failure (RFC 8914) and its words, for EXTRA-TEXT and the log: `timeout`.
[[nodiscard]] FailureWords words_of(UpstreamFailure failure) noexcept;

}  // namespace nxgate::engine
