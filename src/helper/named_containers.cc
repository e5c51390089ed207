#include "helper/named_containers.h"

#include <expected>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "helper/reach.h"
#include "sys/netns.h"

namespace nxgate::helper {
namespace {

/// The engine is asked again about one that is still there, since another may have its name by now.
constexpr Seconds kSureFor{5};

}  // namespace

void NamedContainers::agree(const Reach& reach) {
  engine_ = reach.containers_engine;
  for (const std::string& name : reach.containers) known_.try_emplace(name);
}

void NamedContainers::look(const ReachCheck& bounds) {
  std::vector<std::string> due;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, known] : known_) {
      const bool there = known.fault.empty() && Clock::now() - known.looked < kSureFor &&
                         known.named.identity() == known.identity;
      if (!there) due.push_back(name);
    }
  }
  for (const std::string& name : due) {
    Known found = find(name, bounds);
    const std::scoped_lock lock(mutex_);
    known_[name] = std::move(found);
  }
}

NamedContainers::Known NamedContainers::find(const std::string& name,
                                             const ReachCheck& bounds) const {
  Known result;
  result.looked = Clock::now();
  auto found = access_.find == nullptr ? fail("can't be looked for") : access_.find(engine_, name);
  if (!found) {
    result.fault = found.error().message;
    return result;
  }
  const auto identity = found->identity();
  if (!identity) {
    result.fault = "has a network namespace that can't be seen from here";
    return result;
  }
  if (bounds.is_of_host(*identity)) {
    result.fault = "uses the host's network";
    return result;
  }
  auto pinned = find_engines_namespace(access_.directory(engine_), *identity, "container:" + name);
  if (!pinned) {
    result.fault = "is in a network namespace that isn't among those of the engine's containers";
    return result;
  }
  result.named = *std::move(found);
  result.pinned = *std::move(pinned);
  result.identity = *identity;
  result.fault.clear();
  return result;
}

Result<sys::NetnsRef> NamedContainers::at(const sys::NetnsRef& netns) const {
  const std::string_view name = netns.container();
  if (name.empty()) return netns;
  const std::scoped_lock lock(mutex_);
  const auto known = known_.find(name);
  if (known == known_.end()) return fail("the helper process was not told about this at start");
  if (!known->second.fault.empty()) {
    return fail(fmt::format("container {} {}", name, known->second.fault));
  }
  return known->second.pinned;
}

}  // namespace nxgate::helper
