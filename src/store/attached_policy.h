// What an attached container may resolve.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "containers/names.h"
#include "engine/snapshot.h"
#include "policy/egress.h"
#include "policy/grants.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "store/layer.h"

namespace nxgate::store {

/// The policy of one attached container, apart from the configuration's part in it.
struct AttachedPolicy {
  std::string key;         ///< by which its listeners name it
  std::string label;       ///< as the operator knows it
  std::string base;        ///< the policy of the configuration
  std::string budget_key;  ///< by what it is counted (Policy::budget_key)
  std::shared_ptr<const policy::Matcher> narrowing;
  /// Of others in the same namespace, which must allow as well.
  struct Other {
    std::string base;
    std::shared_ptr<const policy::Matcher> narrowing;
  };
  std::vector<Other> others;
  std::shared_ptr<const policy::Neighbours> neighbours;
  std::shared_ptr<policy::Grants> grants;
  std::shared_ptr<policy::EgressSets> sets;
};

/// Whether both policies can be combined. Two policies with a firewall can't: which ports and
/// addresses both open isn't known.
[[nodiscard]] bool can_hold_both(const policy::Policy& one, const policy::Policy& other);

/// All combined; null if the configuration has no such policy, so that nothing resolves. With
/// policies that can't be combined nothing resolves either.
[[nodiscard]] std::shared_ptr<const policy::Policy> policy_for(const AttachedPolicy& attached,
                                                               const engine::Snapshot& bare);

/// Those of all attached containers, by their keys.
class AttachedPolicies final : public Layer {
 public:
  void assign(std::vector<AttachedPolicy> all) {
    all_ = std::move(all);
    ++version_;
  }
  [[nodiscard]] const std::vector<AttachedPolicy>& all() const noexcept { return all_; }

  [[nodiscard]] Enforced over(const Enforced& below) const override;
  [[nodiscard]] std::uint64_t version() const noexcept override { return version_; }
  [[nodiscard]] std::unique_ptr<const Layer> copy() const override {
    return std::make_unique<const AttachedPolicies>(*this);
  }

 private:
  std::vector<AttachedPolicy> all_;
  std::uint64_t version_ = 0;
};

/// In front of the name of a preset that stands among the rules of narrowing_of.
inline constexpr std::string_view kPresetItem = "preset ";

/// What labels restrict a container to: rules, and presets with kPresetItem in front, separated by
/// commas. Invalid ones are ignored, with a warning that names `container`.
[[nodiscard]] std::shared_ptr<const policy::Matcher> narrowing_of(std::string_view rules,
                                                                  std::string_view container);

/// Local data of the names of a container's networks; null if there are none.
[[nodiscard]] std::shared_ptr<const policy::Neighbours> neighbours_of(
    const std::vector<containers::NamedAddresses>& names,
    const std::vector<containers::AddressName>& reverse_names);

}  // namespace nxgate::store
