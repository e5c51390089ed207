// The port through which a process without rights gets what takes rights; `helper` implements it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/netlink.h"
#include "sys/netns.h"
#include "sys/onward_socket.h"
#include "sys/socket.h"
#include "sys/socket_owner.h"
#include "sys/xdp_queue.h"

namespace nxgate::sys {

/// Somebody who has the rights that this process has dropped. While one is active, open_listener,
/// open_upstream_socket, open_sockets, interface_index, open_netlink, send_netlink,
/// hold_queue, find_by_peer, NetnsRef and Attached use it automatically. Any thread.
class Broker {
 public:
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  virtual ~Broker() { reset_active(); }

  /// The active one, if any. Any thread.
  [[nodiscard]] static const Broker* active() noexcept;

  // As the functions of the same names.
  [[nodiscard]] virtual Result<Descriptor> open_listener(SocketKind kind, const ListenAddress& at,
                                                         Sharing sharing) const = 0;
  [[nodiscard]] virtual std::expected<Descriptor, std::error_code> open_upstream_socket(
      SocketKind kind, const RemoteEndpoint& server, const NetnsRef& netns) const = 0;
  [[nodiscard]] virtual std::expected<std::vector<Descriptor>, std::error_code> open_sockets(
      SocketKind kind, Family family, std::size_t count, const NetnsRef& netns) const = 0;
  [[nodiscard]] virtual unsigned interface_index(const std::string& name,
                                                 const NetnsRef& netns) const = 0;
  [[nodiscard]] virtual Result<NetlinkSocket> open_netlink(int protocol,
                                                           const NetnsRef& netns) const = 0;
  /// `socket` is NetlinkSocket::number.
  [[nodiscard]] virtual std::error_code send_netlink(std::uint64_t socket, Bytes messages,
                                                     Waiting waiting) const = 0;
  virtual void close_netlink(std::uint64_t socket) const = 0;
  [[nodiscard]] virtual std::expected<Descriptor, std::error_code> hold_queue(
      const NetnsRef& netns, const LinkQueue& which) const = 0;
  [[nodiscard]] virtual std::optional<ProcessSeen> find_by_peer(const NetnsRef& netns,
                                                                std::uint8_t protocol,
                                                                const Endpoint& peer) const = 0;

  // As NetnsRef::identity and NetnsRef::open.
  [[nodiscard]] virtual std::optional<std::uint64_t> identity(const NetnsRef& netns) const = 0;
  [[nodiscard]] virtual Result<Descriptor> open_namespace(const NetnsRef& netns) const = 0;

  /// Agrees to change a pinned namespace, until `detach`; see Attached (attached.h).
  [[nodiscard]] virtual Result<void> attach(const NetnsRef& netns) const = 0;
  virtual void detach(const NetnsRef& netns) const = 0;

 protected:
  Broker() = default;
  /// Makes this the active one. Call before the first thread.
  void set_active() const noexcept;
  /// From here on it isn't asked any more, if it was the active one.
  void reset_active() const noexcept;
};

}  // namespace nxgate::sys
