// Which channels lead to a server.
#pragma once

#include <memory>

#include "engine/snapshot.h"
#include "forward/channel.h"
#include "forward/socket_resources.h"
#include "sys/netns.h"

namespace nxgate::forward {

/// The channels to one server.
struct ServerChannels {
  std::shared_ptr<Channel> first;
  /// For an answer that doesn't fit `first`, and when somebody tries to forge one; null if neither
  /// can be.
  std::shared_ptr<Channel> fallback;
};

/// Channels as the server's protocol wants them, from inside `netns`. `resources` must outlive
/// their use, not their destruction.
[[nodiscard]] ServerChannels make_channels(SocketResources& resources,
                                           const engine::UpstreamServer& server,
                                           const sys::NetnsRef& netns);

}  // namespace nxgate::forward
