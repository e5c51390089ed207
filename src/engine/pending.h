// A request that waits, and an answer as it leaves: what `engine.cc` and `late_answer.cc` share.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/recycled.h"
#include "cache/cache.h"
#include "engine/chain.h"
#include "engine/debug_log.h"
#include "engine/decision.h"
#include "engine/egress.h"
#include "engine/engine.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "wire/query.h"

namespace nxgate::engine {

/// A request that waits for an upstream, with all that its reply needs.
struct Engine::Pending final : Recycled<Engine::Pending> {
  std::shared_ptr<const Snapshot> snapshot;  // keeps the policy in `decision` alive
  wire::Query query;
  std::array<std::uint8_t, wire::kLongestName + 4> question{};  // what query.question_wire shows
  std::vector<std::uint8_t> message;  // empty unless the observer wants it
  Decision decision;
  std::unique_ptr<Granted> granted;  // by what, which may end meanwhile; null for a rule
  cache::Key key;
  std::shared_ptr<const cache::Answer> stale;
  Endpoint client;
  ClientKey client_key;
  Transport transport{};
  Instant received;
  LateReply reply;
  std::unique_ptr<Chain> chain;  // once an answer was open
};

/// An answer as it leaves, for all that keeps count of it.
struct Engine::Conclusion {
  const Endpoint& client;
  Transport transport;
  Bytes message;
  const wire::Query& query;
  const Decision& decision;
  const std::shared_ptr<const Snapshot>& snapshot;
  Instant received;
  Source source = Source::kOwn;
  UpstreamFailure failure = UpstreamFailure::kNone;
};

}  // namespace nxgate::engine
