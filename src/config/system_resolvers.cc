#include "config/system_resolvers.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "config/settings.h"
#include "config/value.h"

namespace nxgate::config {
namespace {

constexpr std::size_t kMostServers = 3;  // MAXNS of resolv.h
constexpr std::string_view kBlank = " \t\r";

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

std::vector<UpstreamServer> parse_system_resolvers(std::string_view text) {
  std::vector<UpstreamServer> servers;
  for (std::uint32_t number = 1; !text.empty() && servers.size() < kMostServers; ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (next_word(line) != "nameserver") continue;
    const std::string_view word = next_word(line);
    auto endpoint = RemoteEndpoint::parse(word, 0);
    const bool alone = endpoint && endpoint->port == 0 && !word.starts_with('[');
    if (!alone) continue;
    endpoint->port = kDnsPort;
    UpstreamServer server{false, *std::move(endpoint), {std::string(kResolvConf), number, 1}};
    if (std::ranges::find(servers, server) == servers.end()) servers.push_back(std::move(server));
  }
  return servers;
}

}  // namespace nxgate::config
