// Settings to the snapshot that the workers serve from.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "config/settings.h"
#include "engine/snapshot.h"
#include "policy/egress.h"
#include "policy/grants.h"

namespace nxgate::store {

/// State that outlives a reload. One thread.
class Registry {
 public:
  /// Equal settings, equal identity.
  [[nodiscard]] std::uint32_t identity_of(const engine::UpstreamGroup& group);
  /// The counter slot of a policy of that name.
  [[nodiscard]] std::uint8_t slot_of(const std::string& policy);
  /// What answers led clients of that policy to.
  [[nodiscard]] std::shared_ptr<policy::Grants> grants_of(const std::string& policy);
  /// The names by slot; that of slot 0, which is for all that have none, is empty.
  [[nodiscard]] const std::vector<std::string>& slots() const noexcept { return slots_; }

 private:
  std::vector<std::string> slots_{""};
  std::vector<engine::UpstreamGroup> known_;
  std::map<std::string, std::shared_ptr<policy::Grants>> grants_;
};

[[nodiscard]] std::vector<policy::ClientFirewall> client_firewalls(
    const config::Settings& settings);

/// Builds all of a snapshot. `settings` must be free of faults and completed; its rules and local
/// data are moved out, so that they never exist twice.
[[nodiscard]] std::shared_ptr<const engine::Snapshot> build_snapshot(
    config::Settings settings, Registry& registry, policy::EgressRegistry& firewalls,
    std::uint32_t generation);

[[nodiscard]] cache::Limits cache_limits(const config::CacheSettings& settings);

}  // namespace nxgate::store
