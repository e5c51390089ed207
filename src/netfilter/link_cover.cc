#include "netfilter/link_cover.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/core.h>

#include "netfilter/batch.h"
#include "netfilter/socket.h"

namespace nxgate::netfilter {
namespace {

/// Docker, Podman and CNI name them eth0, eth1 ... A prefix would cover all names (6.18), but
/// nft(8) before 1.1.6 never ends when it lists a rule of such a chain.
constexpr int kExpected = 16;

std::vector<std::string> with_expected(std::vector<std::string> links) {
  for (int number = 0; number < kExpected; ++number) {
    std::string name = fmt::format("eth{}", number);
    if (std::ranges::find(links, name) == links.end()) links.push_back(std::move(name));
  }
  return links;
}

}  // namespace

std::error_code cover(Socket& socket, const std::vector<std::string>& links,
                      const std::function<Batch(const std::vector<std::string>& names)>& rules) {
  const std::error_code error = socket.transact(rules(with_expected(links)).finish());
  return error.value() == ENOENT ? socket.transact(rules(links).finish()) : error;
}

}  // namespace nxgate::netfilter
