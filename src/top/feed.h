// The events of a running server, read by a thread of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"

namespace nxgate::top {

class Feed {
 public:
  /// What it holds at most until it is taken; beyond that events are counted and dropped.
  static constexpr std::size_t kMostLines = 20'000;

  struct Batch {
    std::vector<std::string> lines;
    std::uint64_t dropped = 0;
    /// Why there will be no more.
    std::optional<Error> ended;
  };

  explicit Feed(std::string socket);

  [[nodiscard]] Batch take();

 private:
  void run(const std::stop_token& stop);
  void put(std::string_view line);

  std::string socket_;
  std::mutex mutex_;
  Batch batch_;
  std::jthread reader_;  // last: it uses the others, and is joined before they go
};

}  // namespace nxgate::top
