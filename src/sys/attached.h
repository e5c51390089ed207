// The permission to change a network namespace, where a broker gives it.
#pragma once

#include <utility>

#include "base/error.h"
#include "sys/netns.h"

namespace nxgate::sys {

/// A namespace that the broker (broker.h) may change as long as this lives. Without a broker it
/// says nothing.
class Attached {
 public:
  Attached() = default;
  /// `netns` is pinned. The error says why the broker refuses.
  [[nodiscard]] static Result<Attached> at(const NetnsRef& netns);
  Attached(Attached&& other) noexcept : netns_(std::exchange(other.netns_, {})) {}
  Attached& operator=(Attached&& other) noexcept {
    std::swap(netns_, other.netns_);
    return *this;
  }
  ~Attached();

 private:
  explicit Attached(NetnsRef netns) : netns_(std::move(netns)) {}
  NetnsRef netns_;
};

}  // namespace nxgate::sys
