// The engine's events.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nxgate::docker {

/// One line of `GET /events`.
struct Event {
  std::string type;       ///< `container` or `network`
  std::string action;     ///< `start`, `die`, `connect` ...
  std::string container;  ///< its id; empty for events of other things

  /// Whether the set of running containers, or one of them, may have changed.
  [[nodiscard]] bool concerns_what_runs() const;
  /// Whether its container may start differently than before.
  [[nodiscard]] bool concerns_next_start() const;
};

/// Reads events as they arrive, in pieces of any size. An event carries all labels of its
/// container, so a line may be long; it isn't kept. Invalid events are skipped and reported.
class EventReader {
 public:
  EventReader(std::function<void(const Event&)> seen, std::function<void(const Error&)> odd);
  ~EventReader();

  /// Fails on a line without an end.
  [[nodiscard]] Result<void> write(std::string_view piece);

 private:
  class Line;

  void end_line();

  std::function<void(const Event&)> seen_;
  std::function<void(const Error&)> odd_;
  std::unique_ptr<Line> line_;  ///< that isn't complete; null: nothing of the next one is there
};

/// No line is this long.
inline constexpr std::size_t kLongestEvent = 256U << 20U;

}  // namespace nxgate::docker
