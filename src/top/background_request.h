// A question to the server that nobody waits for.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/error.h"
#include "top/view.h"

namespace nxgate::top {

/// One question at a time, each asked by a thread of its own: a server that hangs must not hang the
/// screen.
class BackgroundRequest {
 public:
  explicit BackgroundRequest(std::string socket) : socket_(std::move(socket)) {}

  /// Whether an answer is still to be taken.
  [[nodiscard]] bool busy() const noexcept { return asking_.joinable(); }
  /// Not while it is busy.
  void ask(Inquiry inquiry);
  /// The answer, once it is there.
  [[nodiscard]] std::optional<Result<std::string>> take();

 private:
  std::string socket_;
  std::mutex mutex_;
  std::optional<Result<std::string>> answer_;
  std::jthread asking_;  // last: it uses the others
};

}  // namespace nxgate::top
