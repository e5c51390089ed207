// Events as a stream of JSON lines.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "http/control.h"
#include "observe/hub.h"

namespace nxgate::control {

/// The stream of `watch`: one line per event, and `{"dropped": N}` where the reader was too slow.
class WatchFeed final : public http::Feed {
 public:
  explicit WatchFeed(std::unique_ptr<observe::Tap> tap) : tap_(std::move(tap)) {}
  [[nodiscard]] std::string next() override;

 private:
  std::unique_ptr<observe::Tap> tap_;
};

}  // namespace nxgate::control
