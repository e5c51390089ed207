// The port through which the engine queries upstreams; `forward` implements it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/client_key.h"
#include "cache/cache.h"

namespace nxgate::engine {

/// Why there is no answer.
enum class UpstreamFailure : std::uint8_t {
  kNone = 0,
  kNoServers,    ///< the group has no server
  kTimeout,      ///< none answered in time
  kUnreachable,  ///< the network refused: ENETUNREACH, EHOSTUNREACH, ECONNREFUSED
  kBadAnswer,    ///< only failures and broken messages came back
  kRemembered,   ///< failed a moment ago and not asked again (RFC 9520)
  kOverload,     ///< too many questions in flight
};

struct UpstreamResult {
  std::shared_ptr<const cache::Answer> answer;  ///< null on failure
  UpstreamFailure failure = UpstreamFailure::kNone;
};

/// Called once, on the thread that submitted.
using UpstreamCallback = std::move_only_function<void(const UpstreamResult&)>;

class Upstream {
 public:
  virtual ~Upstream() = default;

  /// Asks the group in `key` its question; identical questions in flight are joined, also across
  /// workers. Waiting queries are counted for `client`, which gets kOverload beyond its share. The
  /// callback may run before this returns. The answer is in the cache by then.
  virtual void submit(const cache::Key& key, ClientKey client, UpstreamCallback done) = 0;
};

}  // namespace nxgate::engine
