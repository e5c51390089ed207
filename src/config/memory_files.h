// Files held in memory, for tests.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "config/context.h"

namespace nxgate::config {

/// Answers from a map of path to text. A pattern ending in `*` stands for all paths that begin so.
class MemoryFiles : public FileReader {
 public:
  std::map<std::string, std::string> files;
  std::set<std::string> own_addresses;  ///< of every namespace, beside those of loopback

  Result<std::string> read(const std::string& path) override {
    const auto found = files.find(path);
    if (found == files.end()) return fail("no such file");
    return found->second;
  }

  Result<std::vector<std::string>> expand(const std::string& pattern) override {
    std::vector<std::string> paths;
    if (!pattern.ends_with('*')) {
      if (!files.contains(pattern)) return fail("no such file");
      return std::vector<std::string>{pattern};
    }
    for (const auto& [path, text] : files) {
      if (path.starts_with(pattern.substr(0, pattern.size() - 1))) paths.push_back(path);
    }
    return paths;
  }

  bool is_own_address(const RemoteEndpoint& server, const std::string& /*netns*/) override {
    return server.address.is_loopback() || own_addresses.contains(server.host());
  }
};

}  // namespace nxgate::config
