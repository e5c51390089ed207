#include "netfilter/queue_hold.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/socket.h>

#include "base/error.h"
#include "netfilter/links.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/xdp_queue.h"

namespace nxgate::netfilter {
namespace {

/// More than a card has; each takes a descriptor.
constexpr std::size_t kMostQueues = 128;

/// Whether the link has left the namespace since.
bool is_lost(const sys::Descriptor& queue) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return queue &&
         (::getsockopt(queue.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0);
}

}  // namespace

/// The kernel numbers them from 0, and says that there is no such one behind the last.
std::error_code QueueHold::take(const sys::NetnsRef& netns, std::uint32_t link, Queues& queues) {
  const auto at = [link](std::size_t queue) {
    return sys::LinkQueue{.link = link, .queue = static_cast<std::uint32_t>(queue)};
  };
  std::error_code failure;
  const bool fresh = queues.empty();
  for (std::size_t queue = 0; queue < kMostQueues; ++queue) {
    if (queue == queues.size() && !fresh) break;
    if (queue < queues.size() && queues[queue]) continue;
    auto taken = sys::hold_queue(netns, at(queue));
    if (!taken && (taken.error().value() == EINVAL || taken.error().value() == ENODEV)) break;
    if (!taken) failure = taken.error();
    if (queue == queues.size()) queues.emplace_back();
    if (taken) queues[queue] = *std::move(taken);
    if (failure && failure.value() != EBUSY) break;  // it is the same for all others
  }
  return failure;
}

void QueueHold::keep(const sys::NetnsRef& netns) {
  const auto links = all_links_of(netns);
  error_.clear();
  if (!links) {
    error_ = links.error().message;
    return;
  }
  std::erase_if(held_, [&](const auto& entry) {
    return std::ranges::find(*links, entry.first, &Link::index) == links->end() ||
           std::ranges::any_of(entry.second, is_lost);
  });
  for (const Link& link : *links) {
    const std::error_code failure = take(netns, link.index, held_[link.index]);
    if (!failure || failure.value() == EAFNOSUPPORT) continue;
    if (!error_.empty()) error_ += "; ";
    error_ +=
        failure.value() == EBUSY
            ? fmt::format("a program has an AF_XDP socket on {}", link.name)
            : fmt::format("cannot block AF_XDP sockets on {}: {}", link.name, failure.message());
  }
}

}  // namespace nxgate::netfilter
