// Octets of one direction of a connection.
#pragma once

#include <cstdint>

#include "telemetry/connection_counters.h"

namespace nxgate::relay {

/// Counts them for their connection, and as they come for its thread. One thread; `all` outlives
/// it.
class Octets {
 public:
  Octets(telemetry::ConnectionCounters& all, telemetry::Direction direction)
      : all_(all), direction_(direction) {}

  Octets& operator+=(std::uint64_t more) noexcept {
    count_ += more;
    all_.moved(direction_, more);
    return *this;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  telemetry::ConnectionCounters& all_;
  telemetry::Direction direction_;
  std::uint64_t count_ = 0;
};

}  // namespace nxgate::relay
