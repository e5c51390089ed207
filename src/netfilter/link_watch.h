// Noticing that the links or the addresses of a network namespace change.
#pragma once

#include "base/error.h"
#include "sys/netlink.h"
#include "sys/netns.h"

namespace nxgate::netfilter {

/// Told by the kernel (rtnetlink) of each link and each address that comes, goes or is changed, a
/// link before it can be brought up. Takes no right but that to open the socket. One thread.
///
/// Use: wait until `descriptor` is readable, call `changed`, look at what there is, begin again.
class LinkWatch {
 public:
  [[nodiscard]] static Result<LinkWatch> open(const sys::NetnsRef& netns);

  /// Readable when something changed. Stays ours.
  [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }

  /// Empties the descriptor, and says whether there was anything in it.
  [[nodiscard]] bool changed() noexcept;

 private:
  explicit LinkWatch(sys::NetlinkSocket socket) : socket_(std::move(socket)) {}

  sys::NetlinkSocket socket_;
};

}  // namespace nxgate::netfilter
