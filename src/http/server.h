// HTTP/1.1 for whoever controls or watches the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

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

  /// `census` is of this socket alone, with kLimits.
  [[nodiscard]] static std::unique_ptr<Server> at_unix(boost::asio::io_context& loop,
                                                       Control& control, sys::Descriptor socket,
                                                       std::shared_ptr<Census> census);
  [[nodiscard]] static std::unique_ptr<Server> at_tcp(boost::asio::io_context& loop,
                                                      Control& control, sys::Descriptor socket,
                                                      bool v6, std::shared_ptr<Census> census);

  virtual ~Server() = default;
};

}  // namespace nxgate::http
