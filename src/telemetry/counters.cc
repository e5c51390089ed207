#include "telemetry/counters.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace nxgate::telemetry {

std::string summary(std::span<const std::unique_ptr<Counters>> workers) {
  std::string text;
  for (std::size_t i = 0; i < kCounterCount; ++i) {
    std::uint64_t total = 0;
    for (const auto& worker : workers) total += worker->get(static_cast<Counter>(i));
    if (total == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::to_string(total) + ' ' + std::string(kCounterNames[i]);
  }
  return text.empty() ? "no queries" : text;
}

}  // namespace nxgate::telemetry
