// Who is told of relayed connections.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/observer.h"
#include "observe/hub.h"

namespace nxgate::app {

/// Of the relay's threads, one for each worker, whose observers come first.
[[nodiscard]] inline std::vector<engine::Observer*> relay_observers(observe::Hub& hub,
                                                                    std::size_t workers) {
  std::vector<engine::Observer*> all;
  for (std::size_t i = 0; i < workers; ++i) all.push_back(&hub.observer(workers + i));
  return all;
}

}  // namespace nxgate::app
