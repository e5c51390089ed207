// The files of the configuration, on disk.
#pragma once

#include <string>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "config/context.h"

namespace nxgate::store {

/// Reads regular files of at most 256 MiB, lists by lines of at most 1 GiB, and expands glob(7)
/// patterns. Any thread.
class DiskFiles : public config::FileReader {
 public:
  [[nodiscard]] Result<std::string> read(const std::string& path) override;
  [[nodiscard]] Result<void> read_lines(const std::string& path, const TakeLines& take) override;
  [[nodiscard]] Result<std::vector<std::string>> expand(const std::string& pattern) override;
  [[nodiscard]] bool is_own_address(const RemoteEndpoint& server,
                                    const std::string& netns) override;
};

}  // namespace nxgate::store
