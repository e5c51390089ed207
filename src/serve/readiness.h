// Waiting until a socket is readable, with it in the loop's epoll only while waiting.
#pragma once

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include "base/clock.h"

namespace nxgate::serve {

/// Signals when a descriptor, owned elsewhere, is readable.
///
/// From the first wait on the kernel's epoll holds on to the socket, and is called for each message
/// that leaves it, a twentieth of all that an answer costs. A sender of many messages removes it
/// until it waits again. One thread; the descriptor outlives the hold.
class Readiness {
 public:
  explicit Readiness(boost::asio::io_context& loop) : watched_(loop), retry_(loop) {}
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  ~Readiness() { let_go(); }

  /// Calls `handler` with an error_code once `descriptor` is readable, or it was cancelled. While
  /// epoll has no room for it, that is after a moment, readable or not; room is asked for once a
  /// second, since Asio leaks a little memory at each failed attempt.
  template <class Handler>
  void wait(int descriptor, Handler&& handler) {
    if (!watched_.is_open() && Clock::now() >= next_try_) {
      boost::system::error_code full;
      watched_.assign(descriptor, full);
      if (full) next_try_ = Clock::now() + Seconds(1);
    }
    if (watched_.is_open()) {
      return watched_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                 std::forward<Handler>(handler));
    }
    retry_.expires_after(kMoment);
    retry_.async_wait(std::forward<Handler>(handler));
  }

  /// Costs about as much as it saves with eight messages. Nobody must be waiting.
  void let_go() {
    if (watched_.is_open()) (void)watched_.release();
  }

  void cancel() {
    boost::system::error_code ignored;
    watched_.cancel(ignored);
    retry_.cancel();
  }

 private:
  static constexpr Milliseconds kMoment{10};

  boost::asio::posix::stream_descriptor watched_;
  boost::asio::steady_timer retry_;
  Instant next_try_{};
};

}  // namespace nxgate::serve
