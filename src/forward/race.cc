#include "forward/race.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "cache/cache.h"
#include "engine/upstream.h"
#include "forward/attempt.h"

namespace nxgate::forward {

namespace asio = boost::asio;

void Race::ended(std::size_t server, Attempted end, std::shared_ptr<const cache::Answer> answer) {
  --running_;
  switch (end) {
    case Attempted::kSilent:
      break;
    case Attempted::kAnswered:
      if (!answer_) answer_ = std::move(answer);
      break;
    case Attempted::kUnreachable:
      unreachable_ = hopeless_[server] = true;
      break;
    case Attempted::kRefused:
    case Attempted::kMalformed:
      bad_answer_ = hopeless_[server] = true;
      break;
  }
  changed_.cancel();
}

asio::awaitable<void> Race::settle(Instant until) {
  while (!answer_ && running_ != 0 && Clock::now() < until) {
    changed_.expires_at(until);
    co_await changed_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

engine::UpstreamFailure Race::failure() const noexcept {
  if (bad_answer_) return engine::UpstreamFailure::kBadAnswer;
  if (running_ == 0 && unreachable_) return engine::UpstreamFailure::kUnreachable;
  return engine::UpstreamFailure::kTimeout;
}

}  // namespace nxgate::forward
