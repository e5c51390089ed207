// Accepting TCP connections.
#pragma once

#include <memory>

#include <boost/asio/steady_timer.hpp>

#include "base/address.h"
#include "serve/readiness.h"
#include "serve/worker_context.h"
#include "sys/descriptor.h"

namespace nxgate::serve {

/// A listening TCP socket of one worker. Each connection that the census lets in becomes a
/// StreamSession; one that it doesn't is closed at once. When the process is out of descriptors it
/// pauses instead of spinning. One thread.
class TcpListener : public std::enable_shared_from_this<TcpListener> {
 public:
  TcpListener(sys::Descriptor socket, std::shared_ptr<const Listener> listener,
              WorkerContext& worker);

  void start();
  /// Accepts no more connections; sessions continue.
  void close();

 private:
  void wait();
  bool accept_waiting();
  void begin_session(sys::Descriptor connection, const Endpoint& client);

  sys::Descriptor socket_;
  Readiness readable_;
  std::shared_ptr<const Listener> listener_;
  WorkerContext& worker_;
  boost::asio::steady_timer pause_;
};

}  // namespace nxgate::serve
