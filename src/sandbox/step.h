// What one step of making a sandbox comes to.
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace nxgate::sandbox {

/// A step that the kernel refused.
struct Failure {
  std::string step;  ///< as in "cannot ...": `mount /proc`
  int error = 0;     ///< an errno
};

using Done = std::expected<void, Failure>;

/// With the errno of now.
[[nodiscard]] inline std::unexpected<Failure> failed(std::string step) {
  return std::unexpected(Failure{std::move(step), errno});
}

}  // namespace nxgate::sandbox
