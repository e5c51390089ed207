// Talking to the kernel of one network namespace over netlink.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <system_error>

#include "base/bytes.h"
#include "base/error.h"
#include "netfilter/messages.h"
#include "sys/netlink.h"
#include "sys/netns.h"

namespace nxgate::netfilter {

/// A netlink socket that belongs to the namespace it was opened in, whatever the thread that uses
/// it. Requests need CAP_NET_ADMIN over that namespace, of this process or of its helper
/// (sys/netlink.h). One thread at a time.
class Socket {
 public:
  /// `protocol` is NETLINK_NETFILTER or NETLINK_ROUTE.
  [[nodiscard]] static Result<Socket> open(int protocol, const sys::NetnsRef& netns);

  /// Sends and waits for the acknowledgement of the last message that asks for one, in a few
  /// microseconds. The first error that the kernel reports for any of them is returned; then
  /// nothing of an nf_tables batch has been done.
  [[nodiscard]] std::error_code transact(const Messages& messages,
                                         sys::Waiting waiting = sys::Waiting::kNobody);

  /// Sends one dump request and calls `each` with the type and the body of every message that
  /// comes back.
  [[nodiscard]] std::error_code dump(const Messages& request,
                                     const std::function<void(std::uint16_t, Bytes)>& each);

  /// Whether a link of the namespace is down. Unlike a dump it doesn't wait for those who change
  /// links, which may be many where many containers start.
  [[nodiscard]] bool is_down(const std::string& link) const;

 private:
  explicit Socket(sys::NetlinkSocket socket) : socket_(std::move(socket)) {}
  [[nodiscard]] std::error_code receive(
      const std::function<bool(std::uint16_t, std::uint32_t, Bytes)>& each);

  sys::NetlinkSocket socket_;
};

/// An errno, whose words the system has.
[[nodiscard]] inline std::error_code system_error(int number) {
  return {number, std::system_category()};
}

/// The attributes of a message body or of a nested attribute, in order: type without flags, value.
/// Stops at the first one that doesn't fit.
void for_each_attribute(Bytes body, const std::function<void(std::uint16_t, Bytes)>& each);

}  // namespace nxgate::netfilter
