// Questions that have just failed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/upstream.h"

namespace nxgate::forward {

/// Remembers failures for a few seconds, so that a client which asks again at once costs no
/// upstream query and has its answer at once (RFC 9520 section 3.2). Bounded: when it is full of
/// live failures a further one isn't remembered. Any thread.
class FailureMemory {
 public:
  explicit FailureMemory(std::size_t most = 4096) : most_(most) {}

  /// kTimeout is kept for 5 s, kBadAnswer for 2 s, kUnreachable for 1 s; the others not at all.
  /// Returns for how long.
  Seconds remember(const cache::Key& key, engine::UpstreamFailure failure, Instant now);

  /// It has been answered after all.
  void forget(const cache::Key& key);

  /// Whether `key` failed a moment ago, and after `since`, when its group last came back.
  [[nodiscard]] bool recall(const cache::Key& key, Instant since, Instant now);

  /// Forgets them all.
  void clear();

 private:
  struct Failure {
    Instant at;
    Instant until;
  };

  std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<cache::Key, Failure, cache::KeyHash> failures_;
};

}  // namespace nxgate::forward
