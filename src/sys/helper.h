// The process that keeps the rights this one gives up.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>

#include <sys/types.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "sys/confinement.h"
#include "sys/descriptor.h"
#include "sys/message_channel.h"
#include "sys/netlink.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "sys/reach.h"
#include "sys/socket.h"
#include "sys/socket_owner.h"
#include "sys/xdp_queue.h"

namespace nxgate::sys {

struct Channels;
struct Request;

/// A child that does for us what takes rights that we gave up: it opens sockets in network
/// namespaces, on interfaces and at low ports, takes queues of links, and sends netlink messages
/// that change what is nxgate's own, within the bounds that `employ` sets for good. It reads no
/// packet and no configuration, and what it gives back are sockets, namespaces and numbers.
///
/// No descriptor is ever sent to it: Linux bounds by user how many may be on their way, and whoever
/// runs as ours, in any container, can use that up. A pinned namespace is named by its identity,
/// and is to be attached before anything else is asked for in it.
///
/// From `employ` on open_listener, open_upstream_socket, interface_index, open_netlink,
/// send_netlink, hold_queue, find_by_peer and NetnsRef ask it by themselves. It ends when we do, or
/// when this is destroyed.
///
/// Once it has ended, or has left a request unanswered for too long (4 s for an upstream's
/// socket or an admission, 10 s for all else), it is gone for good: each request fails at once, and
/// `gone` is readable.
class Helper {
 public:
  /// Forks it. Call before anything is read that others wrote, and before the first thread.
  /// `engine_directory` is what it finds an engine's namespaces by.
  [[nodiscard]] static Result<std::unique_ptr<Helper>> start(
      EngineDirectory engine_directory = nullptr);
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper();

  /// Has it become `user` with these rights, and with only the system calls that its work takes
  /// unless `confinement` is kNone. It does nothing beyond `reach`. Call before the first thread.
  [[nodiscard]] Result<void> employ(const std::string& user, const KeptCapabilities& keep,
                                    Confinement confinement, const Reach& reach);

  /// The one that is employed, if any. Any thread.
  [[nodiscard]] static const Helper* employed() noexcept;

  // As the functions of the same names. Any thread. Two requests at a time: one that an answer may
  // wait for, of some 15 microseconds, and one of the others.
  [[nodiscard]] Result<Descriptor> open_listener(SocketKind kind, const ListenAddress& at,
                                                 Sharing sharing) const;
  [[nodiscard]] std::expected<Descriptor, std::error_code> open_upstream_socket(
      SocketKind kind, const Endpoint& server, const NetnsRef& netns) const;
  [[nodiscard]] unsigned interface_index(const std::string& name, const NetnsRef& netns) const;
  [[nodiscard]] std::optional<std::uint64_t> identity(const NetnsRef& netns) const;
  [[nodiscard]] Result<Descriptor> open_namespace(const NetnsRef& netns) const;
  [[nodiscard]] Result<NetlinkSocket> open_netlink(int protocol, const NetnsRef& netns) const;
  [[nodiscard]] std::error_code send_netlink(std::uint64_t socket, Bytes messages,
                                             Waiting waiting) const;
  void close_netlink(std::uint64_t socket) const;
  [[nodiscard]] std::expected<Descriptor, std::error_code> hold_queue(const NetnsRef& netns,
                                                                      const LinkQueue& which) const;
  [[nodiscard]] std::optional<ProcessSeen> find_by_peer(const NetnsRef& netns,
                                                        std::uint8_t protocol,
                                                        const Endpoint& peer) const;

  /// Agrees to change a pinned namespace, until `detach`; see Attached (sys/reach.h).
  [[nodiscard]] Result<void> attach(const NetnsRef& netns) const;
  void detach(const NetnsRef& netns) const;

  /// Asks both of its threads for an answer, so that one which hangs is found gone although nothing
  /// else is asked of it. Waits as any request does, for some 15 microseconds each if all is well;
  /// a thread that is at work for somebody is passed over, who finds out by himself.
  void ping() const;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// Readable, for poll and its like, once it is gone.
  [[nodiscard]] const Descriptor& gone() const noexcept { return gone_; }
  /// What became of it, once it is gone: "was ended by signal 9 (Killed)".
  [[nodiscard]] std::string fate() const;

 private:
  /// A channel, and whose turn it is.
  struct Lane {
    MessageChannel channel;
    mutable std::mutex turn{};
  };
  struct Answer;

  Helper(pid_t pid, Channels channels, Descriptor gone) noexcept;

  [[nodiscard]] Answer ask(const Lane& lane, const Request& request, const NetnsRef& netns) const;
  [[nodiscard]] Answer exchange(const Lane& lane, const Request& request, Bytes behind) const;
  /// To be called by whose turn it is.
  [[nodiscard]] Answer exchange_in_turn(const Lane& lane, Request request, Bytes behind) const;

  pid_t pid_;
  Descriptor gone_;  ///< an epoll that watches for the end of both channels
  Lane fast_;
  Lane slow_;
};

}  // namespace nxgate::sys
