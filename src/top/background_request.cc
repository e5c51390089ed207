#include "top/background_request.h"

#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/error.h"
#include "http/client.h"
#include "top/view.h"

namespace nxgate::top {

void BackgroundRequest::ask(Inquiry inquiry) {
  asking_ = std::jthread([this, inquiry = std::move(inquiry)](const std::stop_token& stop) {
    auto answer = http::ask(socket_, inquiry.method, inquiry.target, inquiry.body, stop);
    const std::scoped_lock lock(mutex_);
    answer_ = std::move(answer);
  });
}

std::optional<Result<std::string>> BackgroundRequest::take() {
  std::optional<Result<std::string>> answer;
  {
    const std::scoped_lock lock(mutex_);
    answer = std::exchange(answer_, std::nullopt);
  }
  if (answer) asking_.join();
  return answer;
}

}  // namespace nxgate::top
