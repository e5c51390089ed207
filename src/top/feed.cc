#include "top/feed.h"

#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "http/client.h"

namespace nxgate::top {

Feed::Feed(std::string socket)
    : socket_(std::move(socket)), reader_([this](const std::stop_token& stop) { run(stop); }) {}

Feed::Batch Feed::take() {
  const std::scoped_lock lock(mutex_);
  Batch taken = std::exchange(batch_, {});
  batch_.ended = taken.ended;
  return taken;
}

void Feed::run(const std::stop_token& stop) {
  const auto answer = http::listen(
      socket_, {"/v1/watch", {}},
      [&](std::string_view line) {
        put(line);
        return !stop.stop_requested();
      },
      stop);
  const std::scoped_lock lock(mutex_);
  if (!answer) {
    batch_.ended = answer.error();
  } else if (!answer->good()) {
    batch_.ended = Error{http::refusal(*answer)};
  } else {
    batch_.ended = Error{fmt::format("the nxgate at {} has stopped", socket_)};
  }
}

void Feed::put(std::string_view line) {
  const std::scoped_lock lock(mutex_);
  if (batch_.lines.size() < kMostLines) {
    batch_.lines.emplace_back(line);
  } else {
    ++batch_.dropped;
  }
}

}  // namespace nxgate::top
