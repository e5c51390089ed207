#include "control/watching.h"

#include <string>

#include <fmt/core.h>

#include "engine/observer.h"
#include "observe/event_json.h"

namespace nxgate::control {

std::string WatchFeed::next() {
  std::string text;
  for (const engine::Event& event : tap_->take()) {
    text += observe::to_json(event);
    text += '\n';
  }
  if (const auto dropped = tap_->take_dropped(); dropped != 0) {
    text += fmt::format("{{\"dropped\":{}}}\n", dropped);
  }
  return text;
}

}  // namespace nxgate::control
