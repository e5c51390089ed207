#include "forward/transports.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/address.h"
#include "engine/snapshot.h"
#include "forward/channel.h"
#include "forward/socket_resources.h"
#include "forward/tcp_pool.h"
#include "forward/udp_channel.h"
#include "sys/netns.h"

namespace nxgate::forward {
namespace {

using Make = std::shared_ptr<Channel> (*)(SocketResources&, const RemoteEndpoint&,
                                          const sys::NetnsRef&);

template <class Transport>
std::shared_ptr<Channel> make(SocketResources& resources, const RemoteEndpoint& server,
                              const sys::NetnsRef& netns) {
  return std::make_shared<Transport>(resources, server, netns);
}

struct Row {
  engine::UpstreamProtocol protocol;
  Make first;
  Make fallback;
};

constexpr std::array kTransports{
    Row{engine::UpstreamProtocol::kUdp, make<UdpChannel>, make<TcpPool>},
    Row{engine::UpstreamProtocol::kTcp, make<TcpPool>, nullptr},
};

}  // namespace

ServerChannels make_channels(SocketResources& resources, const engine::UpstreamServer& server,
                             const sys::NetnsRef& netns) {
  const Row& row = *std::ranges::find(kTransports, server.protocol, &Row::protocol);
  ServerChannels channels;
  channels.first = row.first(resources, server.endpoint, netns);
  if (row.fallback != nullptr) channels.fallback = row.fallback(resources, server.endpoint, netns);
  return channels;
}

}  // namespace nxgate::forward
