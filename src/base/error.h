// How a room reports what went wrong to its caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace nxgate {

/// A failure in words a user can act on: what is wrong, and what to do.
struct Error {
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(std::string message) {
  return std::unexpected(Error{std::move(message)});
}

/// A place in a text that the operator wrote. Lines and columns count from 1; 0 means the whole
/// file.
struct Location {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  bool operator==(const Location&) const = default;
};

/// One thing wrong in a configuration, hosts or list file.
struct Fault {
  Location at;
  std::string text;
};

/// All faults of one reading; empty means the text is good. A reader collects as many as it can
/// rather than stopping at the first, but goes no further once there are more than kMostFaults.
using Faults = std::vector<Fault>;

/// How many faults of one file are told.
inline constexpr std::size_t kMostFaults = 100;

/// `file:line:column: text`, leaving out a line of 0 and a file without a name.
[[nodiscard]] std::string to_string(const Fault& fault);
[[nodiscard]] std::string to_string(const Location& at);

}  // namespace nxgate
