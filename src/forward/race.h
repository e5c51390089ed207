// The attempts at one question, of which the first good answer counts.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/upstream.h"
#include "forward/attempt.h"

namespace nxgate::forward {

/// Shared by the coroutine that starts attempts and the attempts themselves, which may outlast it.
/// One loop.
class Race {
 public:
  explicit Race(const boost::asio::any_io_executor& executor, std::size_t servers)
      : changed_(executor), hopeless_(servers, false) {}

  void started() noexcept { ++running_; }
  void ended(std::size_t server, Attempted end, std::shared_ptr<const cache::Answer> answer);

  [[nodiscard]] const std::shared_ptr<const cache::Answer>& answer() const noexcept {
    return answer_;
  }
  /// Whether asking this server once more is useless: it has refused, or the network has.
  [[nodiscard]] bool hopeless(std::size_t server) const noexcept { return hopeless_[server]; }

  /// Waits until there is an answer, no attempt is left running, or it is `until`.
  [[nodiscard]] boost::asio::awaitable<void> settle(Instant until);

  /// Why there is no answer.
  [[nodiscard]] engine::UpstreamFailure failure() const noexcept;

 private:
  boost::asio::steady_timer changed_;
  std::vector<bool> hopeless_;
  std::size_t running_ = 0;
  bool bad_answer_ = false;
  bool unreachable_ = false;
  std::shared_ptr<const cache::Answer> answer_;
};

}  // namespace nxgate::forward
