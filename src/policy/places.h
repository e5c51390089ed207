// Where rules stand, a million of them, compactly.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace nxgate::policy {

/// Numbers for locations, in one line space: the lines of a list count on, so that a whole list
/// takes the memory of one location. One thread.
class Places {
 public:
  static constexpr std::uint32_t kMost = 1U << 29;

  /// The number of `at`. Locations of one file are best given one after the other. Throws
  /// length_error past kMost lines.
  std::uint32_t add(const Location& at);
  [[nodiscard]] Location operator[](std::uint32_t place) const;

 private:
  /// From `first` on each number is one line further down.
  struct Run {
    std::uint32_t first;
    std::uint32_t file;
    std::uint32_t line;
    std::uint32_t column;
  };

  std::vector<Run> runs_;
  std::vector<std::string> files_;
  std::uint32_t last_line_ = 0;
  std::uint32_t next_ = 0;
};

}  // namespace nxgate::policy
