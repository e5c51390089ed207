// Where the names that were observed speak for a whole suffix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wire/name.h"

namespace nxgate::learn {

/// How many siblings below one suffix it takes; 0: never fold for that reason.
struct FoldLimits {
  std::size_t plain = 4;     ///< names directly below it
  std::size_t numbered = 3;  ///< labels that differ in their digits (`img1`, `img2`)
  std::size_t random = 2;    ///< labels that only a machine makes (hex, `r3---sn-4g5e6nez`)
};

/// What speaks for a fold, the strongest.
enum class Evidence : std::uint8_t { kNone = 0, kPlain, kNumbered, kRandom };

struct Fold {
  wire::DomainName suffix;
  Evidence evidence = Evidence::kNone;
  std::size_t count = 0;  ///< of the siblings that speak for it
  std::string pattern;    ///< of numbered ones: `img#`
};

/// `12 names directly below`.
[[nodiscard]] std::string to_string(const Fold& fold);

/// The suffixes to fold, none below another, in root-first order. `names` must be in that order too
/// and have no name twice. A suffix that other parties share (see is_shared), or above a public
/// suffix of one of the names, is never among them.
[[nodiscard]] std::vector<Fold> find_folds(std::span<const wire::DomainName> names,
                                           const FoldLimits& limits);

}  // namespace nxgate::learn
