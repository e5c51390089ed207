// How the last exchange about each question ended, for the operator.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "forward/exchange.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::forward {

struct LastExchange {
  Instant at;
  engine::UpstreamFailure failure = engine::UpstreamFailure::kNone;  ///< kNone: answered
  engine::UpstreamServer server;  ///< that answered, or whose failure counted
  std::optional<Said> said;       ///< nothing if no message came from it
};

/// A table with one place for each of 1024 hashes: a question takes that of another one. Any
/// thread, some dozens of instructions; who finds a place in use notes nothing.
class LastExchanges {
 public:
  LastExchanges() : places_(kPlaces) {}

  void note(const cache::Key& key, const LastExchange& last) noexcept;
  /// Whichever DO, CD and part of the cache it was for.
  [[nodiscard]] std::optional<LastExchange> find(const wire::Question& question,
                                                 std::uint32_t group) const;

 private:
  static constexpr std::size_t kPlaces = 1024;

  struct Place {
    mutable std::atomic_flag in_use;
    std::uint32_t group = 0;
    wire::Question question;
    LastExchange last;
  };

  [[nodiscard]] static std::size_t place_of(std::uint64_t name_hash, wire::Type type,
                                            std::uint32_t group) noexcept;

  std::vector<Place> places_;
};

}  // namespace nxgate::forward
