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
  /// Whether it can be written; nothing is yet, but a file of before is removed. Empty for no
  /// file.
  [[nodiscard]] static Result<SandboxOutput> at(const std::string& path);
  [[nodiscard]] bool wanted() const noexcept { return !path_.empty(); }

  /// Once, when all that may write there has ended. The error says that what is at the path is
  /// not what was written.
  [[nodiscard]] Result<void> write(const std::string& text) const;

 private:
  std::string path_;
  sys::Descriptor directory_;
  sys::Descriptor stream_;  ///< instead, for what is no file, as a pipe
};

}  // namespace nxgate::app
