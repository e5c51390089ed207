// Answering over UDP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "serve/busy_poll.h"
#include "serve/overload_detector.h"
#include "serve/readiness.h"
#include "serve/worker_context.h"
#include "sys/descriptor.h"
#include "sys/udp_batch.h"

namespace nxgate::serve {

/// A UDP socket of one worker: waits until it is readable, then receives, has answered and sends
/// batch after batch until nothing is left. A late reply is sent from the same socket, or dropped
/// if it is closed by then. One thread.
class UdpListener : public std::enable_shared_from_this<UdpListener> {
 public:
  UdpListener(sys::Descriptor socket, std::shared_ptr<const Listener> listener,
              WorkerContext& worker);

  void start();
  /// Sends what came late.
  void send(sys::UdpReplies& replies);
  /// Receives no more; late replies still leave until `close`.
  void stop_receiving();
  void close();

 private:
  class Late;

  void wait();
  void stay_or_go(std::size_t count, Instant now);
  void answer_waiting();
  std::size_t answer_batch();
  void answer(std::size_t index, const engine::Request& request);
  void limit(engine::Request& request);
  void answer_late(const sys::UdpBatch::ReturnPath& path, Bytes reply);

  sys::Descriptor socket_;
  Readiness readable_;
  std::shared_ptr<const Listener> listener_;
  WorkerContext& worker_;
  bool receiving_ = true;
  bool stays_ = false;  ///< at the socket, out of the loop's epoll: busy polling is on
  BusyPoll busy_poll_;
  OverloadDetector overload_;
  std::uint32_t too_many_ = 0;  ///< queries beyond the rate limit
};

}  // namespace nxgate::serve
