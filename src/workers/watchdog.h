// Checks that every worker is responsive, for the service manager's watchdog.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace nxgate::workers {

class Workers;

/// Asks all workers, calls `alive` once the last of them has answered, and asks again `every` so
/// often. One that is stuck never answers, and so ends the calls; so does a main loop that is
/// stuck, for which a reload counts that takes longer than the manager waits.
///
/// Main thread. It must outlive the workers' threads, whose answers come back to it.
class Watchdog {
 public:
  /// Makes each of `count` workers call `answer`, on its own thread.
  using Ask = std::function<void(const std::function<void()>& answer)>;

  Watchdog(boost::asio::io_context& loop, std::chrono::microseconds every, Workers& workers,
           std::function<void()> alive);
  Watchdog(boost::asio::io_context& loop, std::chrono::microseconds every, std::size_t count,
           Ask ask, std::function<void()> alive);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void ask_all();
  void answered();

  boost::asio::io_context& loop_;
  boost::asio::steady_timer timer_;
  std::chrono::microseconds every_;
  std::size_t count_;
  Ask ask_;
  std::function<void()> alive_;
};

}  // namespace nxgate::workers
