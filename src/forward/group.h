// A group of upstream servers as one worker knows it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/snapshot.h"
#include "forward/health.h"
#include "forward/socket_resources.h"
#include "forward/transports.h"
#include "sys/netns.h"

namespace nxgate::forward {

/// Its settings, the health that all workers share, and the channels of this one. Used by the
/// worker's thread, and held as long as a question is with it, whatever a reload does.
struct Group {
  Group(const engine::UpstreamGroup& group, std::shared_ptr<GroupHealth> shared_health,
        SocketResources& resources)
      : settings(group), netns(group.netns), health(std::move(shared_health)) {
    for (const engine::UpstreamServer& server : group.servers) {
      channels.push_back(make_channels(resources, server, netns));
    }
  }

  [[nodiscard]] const engine::UpstreamServer& server(std::size_t index) const {
    return settings.servers[index];
  }

  engine::UpstreamGroup settings;
  sys::NetnsRef netns;
  std::shared_ptr<GroupHealth> health;
  std::vector<ServerChannels> channels;  ///< of each server
};

}  // namespace nxgate::forward
