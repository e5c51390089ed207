// The state shared by all sockets of one worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/census.h"
#include "base/client_key.h"
#include "base/shares.h"
#include "serve/handler.h"
#include "serve/late_queue.h"
#include "serve/limits.h"
#include "serve/rate_limit.h"
#include "sys/descriptor.h"
#include "sys/socket.h"
#include "sys/udp_batch.h"
#include "wire/types.h"

namespace nxgate::serve {

class StreamSession;

/// A place to listen at, over UDP and TCP.
struct Listener {
  sys::ListenAddress at;
  std::string policy;  ///< for all that is asked there; empty leaves it to the client's address
  /// All that ask there, if it is in another namespace; else the address tells them apart.
  ClientKey client{};
};

/// The listener as it is served, with its `client`.
[[nodiscard]] std::shared_ptr<const Listener> served(Listener listener);

/// The TCP connections of all workers. Any thread.
struct TcpRoom {
  explicit TcpRoom(const TcpLimits& limits)
      : census(limits.connections), bytes(limits.more_bytes) {}

  Census census;
  Shares bytes;  ///< owed beyond what each connection may owe
};

/// A listener with its sockets, open.
struct OpenListener {
  Listener listener;
  sys::Descriptor udp;
  sys::Descriptor tcp;
};

/// The context of one worker, used by its thread alone. It outlives what is open: a closed socket
/// or session no longer refers to it, though its coroutine may not have ended yet.
struct WorkerContext {
  boost::asio::io_context& loop;
  Handler& handler;
  TcpLimits limits;
  TcpRoom& tcp;
  RateLimit* rate_limit = nullptr;  ///< of all workers; null for none
  sys::UdpBatch batch{};
  LateQueue late{loop};
  std::vector<std::uint8_t> tcp_reply = std::vector<std::uint8_t>(wire::kLargestMessage);
  std::vector<std::weak_ptr<StreamSession>> sessions{};
  /// Each late reply that is still out holds a copy.
  std::shared_ptr<const bool> pending = std::make_shared<const bool>();
  const void* served_last = nullptr;  ///< the listener or session, to be compared and no more

  /// Whether no UDP client waits for a late reply.
  [[nodiscard]] bool owes_nothing() const { return pending.use_count() == 1 && late.empty(); }
};

}  // namespace nxgate::serve
