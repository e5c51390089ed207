// The process that keeps the rights that the server drops.
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

/// A child process with the rights that the server dropped: it opens sockets in network namespaces,
/// on interfaces and at low ports, occupies queues of links, and sends netlink messages that change
/// nxgate's own tables, within the limits that `activate` sets permanently. It reads no packets and
/// no configuration, and returns only sockets, namespaces and numbers. It is never sent a
/// descriptor: Linux limits per user how many may be in flight, and any process with our user, in
/// any container, can use that up. A pinned namespace is identified by its identity, and must be
/// attached before other requests for it.
///
/// From `activate` on open_listener, open_upstream_socket, interface_index, open_netlink,
/// send_netlink, hold_queue, find_by_peer and NetnsRef use it automatically. It ends with this
/// process, or when this is destroyed.
///
/// Once it has ended, or has left a request unanswered for too long (4 s for an upstream's
/// socket or an admission, 10 s for all else), it is gone for good: each request fails at once, and
/// `gone` is readable.
class Helper {
 public:
  /// Forks it. Call before any foreign input is read, and before the first thread.
  /// `engine_directory` is what it finds an engine's namespaces by.
  [[nodiscard]] static Result<std::unique_ptr<Helper>> start(
      EngineDirectory engine_directory = nullptr);
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper();

  /// Makes it switch to `user` with these rights, and with only the system calls that it needs
  /// unless `confinement` is kNone. It does nothing beyond `reach`. Call before the first thread.
  [[nodiscard]] Result<void> activate(const std::string& user, const KeptCapabilities& keep,
                                      Confinement confinement, const Reach& reach);

  /// The active one, if any. Any thread.
  [[nodiscard]] static const Helper* active() noexcept;

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

  /// Checks both of its threads, so that a hang is detected even without other requests. Waits as
  /// any request does, normally about 15 microseconds each; a thread that is busy with a request is
  /// skipped, since that request detects a hang itself.
  void ping() const;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// Readable, for poll and its like, once it is gone.
  [[nodiscard]] const Descriptor& gone() const noexcept { return gone_; }
  /// How it ended, once it is gone: "was ended by signal 9 (Killed)".
  [[nodiscard]] std::string fate() const;

 private:
  /// A channel, and the mutex for its use.
  struct LockedChannel {
    MessageChannel channel;
    mutable std::mutex mutex{};
  };
  struct Answer;

  Helper(pid_t pid, Channels channels, Descriptor gone) noexcept;

  [[nodiscard]] Answer ask(const LockedChannel& via, const Request& request,
                           const NetnsRef& netns) const;
  [[nodiscard]] Answer exchange(const LockedChannel& via, const Request& request,
                                Bytes behind) const;
  /// Call with the channel's mutex held.
  [[nodiscard]] Answer exchange_locked(const LockedChannel& via, Request request,
                                       Bytes behind) const;

  pid_t pid_;
  Descriptor gone_;  ///< an epoll that watches for the end of both channels
  LockedChannel fast_;
  LockedChannel slow_;
};

}  // namespace nxgate::sys
