#include "workers/limits.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "base/log.h"
#include "config/settings.h"
#include "serve/limits.h"

namespace nxgate::workers {

std::size_t worker_count(const config::ServerSettings& settings) {
  return settings.workers != 0 ? settings.workers
                               : std::max(1U, std::thread::hardware_concurrency());
}

serve::TcpLimits tcp_limits(const config::ServerSettings& settings, std::size_t descriptors) {
  serve::TcpLimits limits;
  limits.connections = {.connections = settings.tcp_clients, .per_client = settings.tcp_per_client};
  limits.more_bytes = settings.tcp_memory;
  limits.idle = settings.tcp_idle;
  std::size_t& most = limits.connections.connections;
  if (most <= descriptors / 2) return limits;
  log::warning(
      "server.tcp-clients = {} leaves too few of {} open files for the rest; at most {} TCP "
      "connections are accepted at once; see `ulimit -n`",
      most, descriptors, descriptors / 2);
  most = descriptors / 2;
  return limits;
}

std::size_t relayed_connections(std::size_t descriptors) {
  return std::min<std::size_t>(16384, descriptors / 8);
}

serve::RateLimits rate_limits(const config::RateLimitSettings& settings) {
  return {.queries_per_second = settings.queries_per_second,
          .burst = settings.burst,
          .ipv4_prefix = static_cast<std::uint8_t>(settings.ipv4_prefix),
          .ipv6_prefix = static_cast<std::uint8_t>(settings.ipv6_prefix),
          .truncate = settings.truncate};
}

}  // namespace nxgate::workers
