// Which containers are attached, and with which policy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "containers/container.h"
#include "policy/policy.h"

namespace nxgate::attach {

inline constexpr const char* kPolicyLabel = "nxgate.policy";
inline constexpr const char* kAllowLabel = "nxgate.allow";
inline constexpr const char* kPresetsLabel = "nxgate.presets";

/// A policy of the configuration, and how a label restricts it.
struct Choice {
  std::string policy = "default";
  std::optional<std::string> allow{};  ///< as store::narrowing_of takes it; empty text: nothing
  std::string complaint{};             ///< what is wrong with the labels, if anything
  std::string fault{};  ///< why the intended policy can't be used, such as a missing policy
  bool closed = false;  ///< by a fault: nothing resolves, and nothing is reached by address either
  bool asked = false;   ///< by a rule, a label or by name, not because all are
  /// Of others in the same namespace, and by the labels of its image: what resolves, these must
  /// allow as well.
  struct Other {
    std::string policy;
    std::optional<std::string> allow;

    bool operator==(const Other&) const = default;
  };
  std::vector<Other> others{};

  bool operator==(const Choice&) const = default;
};

/// The labels that `select` looks at.
[[nodiscard]] containers::LabelKeys labels_that_count(const config::DockerSettings& settings);

/// The policy for BuildKit build steps, which aren't containers. Empty: they aren't attached.
[[nodiscard]] std::optional<Choice> select_for_builds(const config::DockerSettings& settings);

/// The first rule of the configuration that matches names the policy, else the container's label
/// `nxgate.policy` if the configuration lets labels choose it; a label that may not, or that names
/// none of `known`, gets nothing resolved and is closed. The labels `nxgate.allow` and
/// `nxgate.presets` together narrow the policy, never widen it. Empty: left alone.
///
/// Labels of the image (docker/image.h) choose nothing and match no rule. What they leave is the
/// stricter: these two narrow, the policy that they would have got as the container's own
/// must allow as well, and who would be left alone but for them gets `default`.
[[nodiscard]] std::optional<Choice> select(const containers::Container& container,
                                           const config::DockerSettings& settings,
                                           const policy::PolicySet* known = nullptr);

/// Restricts `choice` to what another container in the same namespace may resolve, if a rule or
/// label asks for a different policy; says so in `complaint`. A member that is closed closes the
/// namespace.
void restrict_by(Choice& choice, const Choice& member, const std::string& name);

}  // namespace nxgate::attach
