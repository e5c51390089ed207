#include "workers/watchdog.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include "workers/workers.h"

namespace nxgate::workers {

Watchdog::Watchdog(boost::asio::io_context& loop, std::chrono::microseconds every, Workers& workers,
                   std::function<void()> alive)
    : Watchdog(
          loop, every, workers.size(),
          [&workers](const std::function<void()>& answer) { workers.ask(answer); },
          std::move(alive)) {}

Watchdog::Watchdog(boost::asio::io_context& loop, std::chrono::microseconds every,
                   std::size_t count, Ask ask, std::function<void()> alive)
    : loop_(loop),
      timer_(loop),
      every_(every),
      count_(count),
      ask_(std::move(ask)),
      alive_(std::move(alive)) {
  ask_all();
}

void Watchdog::ask_all() {
  ask_([this, missing = std::make_shared<std::atomic<std::size_t>>(count_)] {
    if (missing->fetch_sub(1) == 1) boost::asio::post(loop_, [this] { answered(); });
  });
}

void Watchdog::answered() {
  alive_();
  timer_.expires_after(every_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) ask_all();
  });
}

}  // namespace nxgate::workers
