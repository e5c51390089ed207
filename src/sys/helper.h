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
#include "base/error.h"
#include "sys/confinement.h"
#include "sys/descriptor.h"
#include "sys/message_channel.h"
#include "sys/netns.h"
#include "sys/privileges.h"
#include "sys/socket.h"

namespace nxgate::sys {

/// A child that opens sockets in network namespaces, on interfaces and at low ports for us, who may
/// not any more. It reads no packet and no configuration: requests are of four kinds and one size,
/// and what it gives back are UDP and TCP sockets, and numbers.
///
/// From `employ` on open_listener, open_upstream_socket, interface_index and NetnsRef::identity ask
/// it by themselves. It ends when we do, or when this is destroyed.
class Helper {
 public:
  /// Forks it. Call before anything is read that others wrote, and before the first thread.
  [[nodiscard]] static Result<std::unique_ptr<Helper>> start();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper();

  /// Has it become `user` with these rights, and with only the system calls that its work takes
  /// unless `confinement` is kNone. Call before the first thread.
  [[nodiscard]] Result<void> employ(const std::string& user, const KeptCapabilities& keep,
                                    Confinement confinement);

  /// The one that is employed, if any. Any thread.
  [[nodiscard]] static const Helper* employed() noexcept;

  // As the functions of the same names. Any thread; one request at a time, some 20 microseconds.
  [[nodiscard]] Result<Descriptor> open_listener(SocketKind kind, const ListenAddress& at,
                                                 Sharing sharing) const;
  [[nodiscard]] std::expected<Descriptor, std::error_code> open_upstream_socket(
      SocketKind kind, const Endpoint& server, const NetnsRef& netns) const;
  [[nodiscard]] unsigned interface_index(const std::string& name, const NetnsRef& netns) const;
  [[nodiscard]] std::optional<std::uint64_t> identity(const NetnsRef& netns) const;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  struct Request;
  struct Reply;
  struct Answer;

  Helper(pid_t pid, MessageChannel channel) noexcept : pid_(pid), channel_(std::move(channel)) {}

  [[nodiscard]] Answer ask(Request request, const NetnsRef& netns) const;
  [[noreturn]] static void work(const MessageChannel& channel);
  [[nodiscard]] static Answer perform(const Request& request, const NetnsRef& netns);

  pid_t pid_;
  MessageChannel channel_;
  mutable std::mutex turn_;
};

}  // namespace nxgate::sys
