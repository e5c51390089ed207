// Sockets of clients' namespaces, had before a connection needs one.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/address.h"
#include "base/clock.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/onward_socket.h"

namespace nxgate::relay {

/// Only the helper can open a socket in another namespace, and its answer would be waited for
/// while a client waits for its first octets. So some are kept of a namespace from which there
/// were connections lately. One thread.
class OnwardSockets {
 public:
  explicit OnwardSockets(boost::asio::io_context& loop) : loop_(loop), expiry_(loop) {}
  OnwardSockets(const OnwardSockets&) = delete;
  OnwardSockets& operator=(const OnwardSockets&) = delete;

  struct Taken {
    sys::Descriptor socket;
    Endpoint from;  ///< where its connection will come from, if it is bound
  };
  /// A TCP socket for a connection to there, which ends by itself once the other end gives no sign
  /// any more. In another namespace than our own it is bound.
  [[nodiscard]] std::expected<Taken, std::error_code> take(const sys::NetnsRef& netns,
                                                           const Endpoint& to);
  /// Lets go of all in that namespace.
  void forget(const sys::NetnsRef& netns);

 private:
  struct Kept {
    sys::Descriptor route;  ///< finds out which source the routes choose
    std::vector<sys::Descriptor> idle;
    Instant used;
    bool refills = false;
  };
  using Where = std::pair<std::uint64_t, sys::Family>;

  [[nodiscard]] static std::error_code refill(Kept& kept, const sys::NetnsRef& netns,
                                              sys::Family family);
  void refill_soon(const Where& where, const sys::NetnsRef& netns);
  void expire_later();

  boost::asio::io_context& loop_;
  boost::asio::steady_timer expiry_;
  bool expires_ = false;
  std::map<Where, Kept> all_;
};

}  // namespace nxgate::relay
