#include "serve/late_queue.h"

#include <memory>

#include <boost/asio/post.hpp>

#include "base/bytes.h"
#include "serve/udp_listener.h"
#include "sys/udp_batch.h"

namespace nxgate::serve {

void LateQueue::add(const std::shared_ptr<UdpListener>& listener,
                    const sys::UdpBatch::ReturnPath& path, Bytes reply) {
  if (listener_ != listener || replies_->full()) flush();
  if (!listener_) {
    listener_ = listener;
    boost::asio::post(loop_, [this, alive = std::weak_ptr(replies_)] {
      if (!alive.expired()) flush();
    });
  }
  replies_->add(path, reply);
}

void LateQueue::flush() {
  if (!listener_) return;
  listener_->send(*replies_);
  listener_.reset();
}

}  // namespace nxgate::serve
