// Settings to the snapshot that the workers serve from.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cache/cache.h"
#include "config/settings.h"
#include "engine/snapshot.h"

namespace nxgate::app {

/// Gives upstream groups identities that outlive a reload: equal settings, equal identity. One
/// thread.
class GroupRegistry {
 public:
  [[nodiscard]] std::uint32_t identity_of(const engine::UpstreamGroup& group);

 private:
  std::vector<engine::UpstreamGroup> known_;
};

/// Builds all of a snapshot. `settings` must be free of faults and completed; its rules and local
/// data are taken out, so that they are never there twice.
[[nodiscard]] std::shared_ptr<const engine::Snapshot> build_snapshot(config::Settings settings,
                                                                     GroupRegistry& registry,
                                                                     std::uint32_t generation);

[[nodiscard]] cache::Limits cache_limits(const config::CacheSettings& settings);

}  // namespace nxgate::app
