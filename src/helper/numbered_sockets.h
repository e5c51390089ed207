// The netlink sockets that a helper has opened for its server.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "helper/our_tables.h"
#include "sys/netlink.h"

namespace nxgate::helper {

/// By numbers that are never used twice, so that the server can name one without sending it. Any
/// thread.
class NumberedSockets {
 public:
  struct Known {
    sys::NetlinkSocket socket;
    int protocol = 0;
    Place place{};  ///< whose namespace it belongs to
  };

  std::uint64_t add(Known known) {
    auto kept = std::make_shared<const Known>(std::move(known));
    const std::scoped_lock lock(mutex_);
    sockets_.emplace(++last_, std::move(kept));
    return last_;
  }
  /// Null if there is none. Stays open while somebody has it.
  [[nodiscard]] std::shared_ptr<const Known> find(std::uint64_t number) const {
    const std::scoped_lock lock(mutex_);
    const auto found = sockets_.find(number);
    return found == sockets_.end() ? nullptr : found->second;
  }
  void remove(std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    sockets_.erase(number);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<const Known>> sockets_;
  std::uint64_t last_ = 0;
};

}  // namespace nxgate::helper
