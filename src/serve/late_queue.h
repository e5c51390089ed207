// Sending late replies.
#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include "base/bytes.h"
#include "sys/udp_batch.h"

namespace nxgate::serve {

class UdpListener;

/// The late UDP replies of one worker. Answers of an upstream come many at a time, and so the
/// replies of one turn of the loop leave together, listener by listener. One thread.
class LateQueue {
 public:
  explicit LateQueue(boost::asio::io_context& loop) : loop_(loop) {}

  void add(const std::shared_ptr<UdpListener>& listener, const sys::UdpBatch::ReturnPath& path,
           Bytes reply);
  [[nodiscard]] bool empty() const noexcept { return replies_->empty(); }

 private:
  void flush();

  boost::asio::io_context& loop_;
  std::shared_ptr<UdpListener> listener_;  ///< of all replies that wait
  /// Also tells the handler that flushes that we live.
  std::shared_ptr<sys::UdpReplies> replies_ = std::make_shared<sys::UdpReplies>();
};

}  // namespace nxgate::serve
