// The policies in force, and reloading a changed configuration while serving.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/snapshot.h"
#include "config/context.h"
#include "config/overrides.h"
#include "config/settings.h"
#include "engine/snapshot.h"
#include "store/attached_policy.h"
#include "store/layer.h"
#include "store/runtime_rules.h"
#include "store/settings_source.h"
#include "store/snapshot_builder.h"
#include "store/standing_fault.h"
#include "sys/privileges.h"

namespace nxgate::store {

/// What a configuration enforces, for the log: `policy default: 3 rules, upstream
/// default: 1.1.1.1`.
[[nodiscard]] std::string describe(const config::Settings& settings);

/// Owns what is needed to build the next snapshot. Main thread, but for `prepare`.
class PolicyStore {
 public:
  /// A reload on its way from `begin` to `commit`.
  struct Pending;

  /// `first` are the settings at start, without fault. `kept` says what a later configuration may
  /// ask for (Rights::later).
  PolicyStore(const config::Overrides& given, config::FileReader& files, LoadedSettings first,
              const sys::KeptCapabilities& kept, policy::EgressRegistry& firewalls);

  /// Calls this whenever a snapshot was published: its readers should refresh now, since the old
  /// tables stay in memory until they do.
  void on_publish(std::function<void()> action) { published_ = std::move(action); }

  /// A reload has three steps, so that the slow one doesn't run on the main thread. There is one
  /// reload at a time. This collects what the next step needs.
  [[nodiscard]] Pending begin() const;
  /// Reads everything again and builds a snapshot of it. Any thread.
  void prepare(Pending& pending) const noexcept;
  /// Publishes it. Any fault is logged, keeps the old snapshot, and returns false; so does a change
  /// of a sealed key. `pending` then has what was replaced, to be freed elsewhere.
  bool commit(Pending& pending);
  /// Of the last reload; those of sealed keys have no location.
  [[nodiscard]] const Faults& faults() const noexcept { return faults_; }
  /// Persistent faults of what is enforced: a rejected last reload, and LoadedSettings::notices of
  /// the settings in force.
  [[nodiscard]] std::vector<StandingFault> standing_faults() const;

  // Layers over the configuration, from below; a reload keeps them.

  /// Rules added while running.
  [[nodiscard]] RuntimeRules& runtime_rules() noexcept { return runtime_rules_; }
  [[nodiscard]] AttachedPolicies& attached() noexcept { return attached_; }
  /// Publishes the configuration with all layers, after this one has changed.
  void changed(const Layer& layer);

  /// What the configuration alone says.
  [[nodiscard]] const Enforced& configured() const noexcept { return bare_; }
  [[nodiscard]] const Registry& registry() const noexcept { return registry_; }
  struct Reloads {
    std::uint32_t taken = 0;
    std::uint32_t refused = 0;
  };
  [[nodiscard]] const Reloads& reloads() const noexcept { return reloads_; }
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

  [[nodiscard]] const config::DockerSettings& docker() const noexcept { return docker_; }

  [[nodiscard]] const std::vector<policy::ClientFirewall>& client_firewalls() const noexcept {
    return client_firewalls_;
  }

  [[nodiscard]] SnapshotCell<engine::Snapshot>& snapshots() noexcept { return snapshots_; }
  /// Paths whose changes cause a reload, by the last configuration that was read.
  [[nodiscard]] const std::vector<std::string>& watched() const noexcept { return watched_; }

 private:
  /// What is enforced with a layer and all below it.
  struct Level {
    std::uint64_t version = 0;  ///< of the layer
    Enforced result;
  };

  [[nodiscard]] std::array<const Layer*, 2> layers() const noexcept {
    return {&runtime_rules_, &attached_};
  }
  void rebuild_from(std::size_t first);
  void publish();
  [[nodiscard]] Faults refusals(const config::Settings& next) const;

  const config::Overrides overrides_;
  config::FileReader& files_;
  Registry registry_;
  std::uint32_t generation_ = 1;
  Reloads reloads_;
  Faults faults_;
  std::vector<std::string> notices_;
  config::Settings sealed_;  ///< of the settings at start only what can't change
  std::vector<std::string> watched_;
  sys::KeptCapabilities kept_;
  std::set<std::string> upstream_namespaces_;  ///< named at start
  policy::EgressRegistry& firewalls_;
  config::DockerSettings docker_;
  std::vector<policy::ClientFirewall> client_firewalls_;
  RuntimeRules runtime_rules_;
  AttachedPolicies attached_;
  Enforced bare_;              ///< of the configuration alone
  std::vector<Level> levels_;  ///< one a layer
  SnapshotCell<engine::Snapshot> snapshots_;
  std::function<void()> published_ = [] {};
};

struct PolicyStore::Pending {
  // What it begins with.
  Registry registry;
  std::vector<std::unique_ptr<const Layer>> layers;
  std::uint32_t generation = 0;

  // What it has found, and built if there is no fault.
  Faults faults;
  Faults warnings;
  std::vector<std::string> watched;
  std::vector<std::string> notices;
  std::string description;
  config::DockerSettings docker;
  std::vector<policy::ClientFirewall> client_firewalls;
  Enforced bare;
  std::vector<Level> levels;

  /// What `commit` replaced.
  std::vector<Enforced> replaced;
};

}  // namespace nxgate::store
