// Whose tables they are: kept with a table, for the next nxgate to find.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "base/bytes.h"

namespace nxgate::netfilter {

/// A process, told apart from a later one with its pid.
struct Owner {
  pid_t pid = 0;
  std::uint64_t started = 0;  ///< clock ticks since boot

  [[nodiscard]] static Owner ourselves();
  [[nodiscard]] bool alive() const;
  bool operator==(const Owner&) const = default;
};

[[nodiscard]] std::string to_record(const Owner& owner);
/// Nobody's, if it is no record.
[[nodiscard]] Owner parse_record(Bytes record);

}  // namespace nxgate::netfilter
