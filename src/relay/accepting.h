// Accepting connections that were redirected.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/address.h"
#include "base/client_key.h"
#include "relay/context.h"
#include "sys/descriptor.h"

namespace nxgate::relay {

/// A listening socket. Whoever connects to it without a redirect, or finds no room, gets a reset.
/// Used by the thread of its loop, but for `start` and `close`.
class Accepting : public std::enable_shared_from_this<Accepting> {
 public:
  /// Who serves a connection; `counted` has taken its part of the room.
  using Give = std::function<void(sys::Descriptor connection, ClientKey counted,
                                  const Endpoint& client, const Endpoint& to)>;

  Accepting(boost::asio::io_context& loop, sys::Descriptor socket,
            std::shared_ptr<const Place> place, Room& room, Give give);

  // Any thread:
  void start();
  /// Once this returns nothing more is given.
  void close();

 private:
  void wait();
  bool accept_one();
  void serve(sys::Descriptor connection, const Endpoint& client);

  boost::asio::io_context& loop_;
  sys::Descriptor socket_;
  boost::asio::posix::stream_descriptor readable_;
  boost::asio::steady_timer pause_;
  std::shared_ptr<const Place> place_;
  Room& room_;
  std::mutex mutex_;  ///< over `give_`
  Give give_;         ///< null once it is closed
};

}  // namespace nxgate::relay
