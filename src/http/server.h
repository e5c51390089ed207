// HTTP/1.1 for whoever controls or watches the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include "base/census.h"
#include "http/control.h"
#include "sys/descriptor.h"

namespace nxgate::http {

/// A listening socket and its sessions, of which there are few at a time: beyond kMostSessions the
/// one that waits longest for a request is closed for a new one, of the client that has most of
/// them; if there is none the new one gets 503 and is closed. Uses the thread of its loop; control
/// and loop must outlive it.
class Server {
 public:
  static constexpr std::size_t kMostSessions = 64;
  static constexpr CensusLimits kLimits{.connections = kMostSessions, .per_client = SIZE_MAX};

  /// `socket` listens, at a unix socket or at TCP; `census` is of this socket alone, with kLimits.
  Server(boost::asio::io_context& loop, Control& control, sys::Descriptor socket,
         std::shared_ptr<Census> census);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  /// Of either family.
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;
  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace nxgate::http
