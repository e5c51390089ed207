// A file that is written when a program has ended.
#pragma once

#include <string>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::app {

/// What the program itself may have put there meanwhile is replaced, and not written into. One
/// thread.
class SandboxOutput {
 public:
  /// Whether it can be written; nothing is yet. Empty for no file.
  [[nodiscard]] static Result<SandboxOutput> at(const std::string& path);
  [[nodiscard]] bool wanted() const noexcept { return static_cast<bool>(place_); }

  /// Once. An error is logged.
  void write(const std::string& text) const;

 private:
  sys::Descriptor place_;  ///< its directory; without a name what to write into, as a pipe
  std::string name_;
};

}  // namespace nxgate::app
