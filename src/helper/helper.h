// The process that keeps the rights that the server drops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <sys/types.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "helper/confinement.h"
#include "helper/message_channel.h"
#include "helper/reach.h"
#include "sys/broker.h"
#include "sys/descriptor.h"
#include "sys/netlink.h"
#include "sys/netns.h"
#include "sys/onward_socket.h"
#include "sys/privileges.h"
#include "sys/socket.h"
#include "sys/socket_owner.h"
#include "sys/xdp_queue.h"

namespace nxgate::helper {

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
/// From `activate` on it is the active sys::Broker, which the functions of `sys` use automatically.
/// It ends with this process, or when this is destroyed.
///
/// Once it has ended, or has left a request unanswered for too long (4 s for an upstream's
/// socket or an admission, 10 s for all else), it is gone for good: each request fails at once, and
/// `gone` is readable.
class Helper final : public sys::Broker {
 public:
  /// Forks it. Call before any foreign input is read, and before the first thread.
  /// `engine` is what it finds an engine's namespaces by.
  [[nodiscard]] static Result<std::unique_ptr<Helper>> start(EngineAccess engine = {});
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() override;

  /// Makes it switch to `user` with these rights, and with only the system calls that it needs
  /// unless `confinement` is kNone. It does nothing beyond `reach`. Call before the first thread.
  [[nodiscard]] Result<void> activate(const std::string& user, const sys::KeptCapabilities& keep,
                                      Confinement confinement, const Reach& reach);

  // As sys::Broker says. Two requests at a time: one that an answer may wait for, of some 15
  // microseconds, and one of the others.
  [[nodiscard]] Result<sys::Descriptor> open_listener(sys::SocketKind kind,
                                                      const sys::ListenAddress& at,
                                                      sys::Sharing sharing) const override;
  [[nodiscard]] std::expected<sys::Descriptor, std::error_code> open_upstream_socket(
      sys::SocketKind kind, const RemoteEndpoint& server,
      const sys::NetnsRef& netns) const override;
  [[nodiscard]] std::expected<std::vector<sys::Descriptor>, std::error_code> open_sockets(
      sys::SocketKind kind, sys::Family family, std::size_t count,
      const sys::NetnsRef& netns) const override;
  [[nodiscard]] unsigned interface_index(const std::string& name,
                                         const sys::NetnsRef& netns) const override;
  [[nodiscard]] std::optional<std::uint64_t> identity(const sys::NetnsRef& netns) const override;
  [[nodiscard]] Result<sys::Descriptor> open_namespace(const sys::NetnsRef& netns) const override;
  [[nodiscard]] Result<sys::NetlinkSocket> open_netlink(int protocol,
                                                        const sys::NetnsRef& netns) const override;
  [[nodiscard]] std::error_code send_netlink(std::uint64_t socket, Bytes messages,
                                             sys::Waiting waiting) const override;
  void close_netlink(std::uint64_t socket) const override;
  [[nodiscard]] std::expected<sys::Descriptor, std::error_code> hold_queue(
      const sys::NetnsRef& netns, const sys::LinkQueue& which) const override;
  [[nodiscard]] std::optional<sys::ProcessSeen> find_by_peer(const sys::NetnsRef& netns,
                                                             std::uint8_t protocol,
                                                             const Endpoint& peer) const override;
  [[nodiscard]] Result<void> attach(const sys::NetnsRef& netns) const override;
  void detach(const sys::NetnsRef& netns) const override;

  /// Checks both of its threads, so that a hang is detected even without other requests. Waits as
  /// any request does, normally about 15 microseconds each; a thread that is busy with a request is
  /// skipped, since that request detects a hang itself.
  void ping() const;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// Readable, for poll and its like, once it is gone.
  [[nodiscard]] const sys::Descriptor& gone() const noexcept { return gone_; }
  /// How it ended, once it is gone: "was ended by signal 9 (Killed)".
  [[nodiscard]] std::string fate() const;

 private:
  /// A channel, and the mutex for its use.
  struct LockedChannel {
    MessageChannel channel;
    mutable std::mutex mutex{};
  };
  struct Answer;

  Helper(pid_t pid, Channels channels, sys::Descriptor gone) noexcept;

  [[nodiscard]] Answer ask(const LockedChannel& via, const Request& request,
                           const sys::NetnsRef& netns) const;
  [[nodiscard]] Answer exchange(const LockedChannel& via, const Request& request,
                                Bytes behind) const;
  /// Call with the channel's mutex held.
  [[nodiscard]] Answer exchange_locked(const LockedChannel& via, Request request,
                                       Bytes behind) const;

  pid_t pid_;
  sys::Descriptor gone_;  ///< an epoll that watches for the end of both channels
  LockedChannel fast_;
  LockedChannel slow_;
};

}  // namespace nxgate::helper
