// HTTP/1.1 for whoever controls or watches the server.
#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include "admin/control.h"
#include "sys/descriptor.h"

namespace nxgate::admin {

/// A listening socket and its sessions, of which there are few at a time: more than kMostSessions
/// get 503. Uses the thread of its loop; control and loop must outlive it.
class Server {
 public:
  static constexpr int kMostSessions = 64;

  [[nodiscard]] static std::unique_ptr<Server> at_unix(boost::asio::io_context& loop,
                                                       Control& control, sys::Descriptor socket);
  [[nodiscard]] static std::unique_ptr<Server> at_tcp(boost::asio::io_context& loop,
                                                      Control& control, sys::Descriptor socket,
                                                      bool v6);

  virtual ~Server() = default;
};

}  // namespace nxgate::admin
