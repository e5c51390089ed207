#include "telemetry/counters.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace nxgate::telemetry {

std::uint64_t total(std::span<const std::unique_ptr<Counters>> workers, Counter counter) noexcept {
  std::uint64_t sum = 0;
  for (const auto& worker : workers) sum += worker->get(counter);
  return sum;
}

std::string summary(std::span<const std::unique_ptr<Counters>> workers) {
  std::string text;
  for (std::size_t i = 0; i < kCounterCount; ++i) {
    const std::uint64_t count = total(workers, static_cast<Counter>(i));
    if (count == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::to_string(count) + ' ' + std::string(kCounterNames[i]);
  }
  return text.empty() ? "no queries" : text;
}

}  // namespace nxgate::telemetry
