// Everything that a reload replaces, published as one value.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "policy/policy.h"

namespace nxgate::engine {

enum class UpstreamProtocol : std::uint8_t { kUdp, kTcp };

struct UpstreamServer {
  UpstreamProtocol protocol = UpstreamProtocol::kUdp;  ///< kUdp falls back to TCP on TC
  RemoteEndpoint endpoint;

  bool operator==(const UpstreamServer&) const = default;
};

/// A group of servers that are asked as one. Two groups with equal settings in two snapshots have
/// the same `identity`, so that a reload keeps health and cached answers of groups it didn't touch,
/// and a changed group starts anew.
struct UpstreamGroup {
  std::string name;
  std::vector<UpstreamServer> servers;
  Milliseconds timeout{3500};     ///< for the whole of one question, failover included
  bool trusts_authentic = false;  ///< passes on AD, which says that its servers have validated
  std::string netns;              ///< path, `ip netns` name or `pid:N`; empty for our own
  std::uint32_t identity = 0;
};

/// Options of answering that a reload may change.
struct AnswerOptions {
  std::string version_bind;       ///< answer to CHAOS version.bind; empty refuses
  Milliseconds tcp_idle{10'000};  ///< told to clients that ask (RFC 7828)
  bool prefetch = true;           ///< ask again for popular names before they expire
};

/// One configuration as it is enforced. Immutable but for the policies' grants.
struct Snapshot {
  std::uint32_t generation = 0;  ///< also the serial of our SOA
  policy::PolicySet policies;
  std::vector<UpstreamGroup> groups;
  AnswerOptions options;
};

}  // namespace nxgate::engine
