// Which containers are attached to, and what is enforced for them.
#pragma once

#include <optional>
#include <string>

#include "config/settings.h"
#include "docker/container.h"

namespace nxgate::app {

inline constexpr const char* kPolicyLabel = "nxgate.policy";
inline constexpr const char* kAllowLabel = "nxgate.allow";

/// A policy of the configuration, and what of it a label leaves.
struct Choice {
  std::string policy = "default";
  std::optional<std::string> allow{};  ///< rules, separated by commas; empty text: nothing
  std::string complaint{};             ///< what is wrong with the labels, if anything
  bool asked = false;                  ///< by a rule, a label or by name, not because all are

  bool operator==(const Choice&) const = default;
};

/// The labels that `select` looks at.
[[nodiscard]] docker::LabelKeys labels_that_count(const config::DockerSettings& settings);

/// What is enforced for the steps of builds by BuildKit, which are no containers. Empty: they are
/// left alone.
[[nodiscard]] std::optional<Choice> select_for_builds(const config::DockerSettings& settings);

/// The first rule of the configuration that matches names the policy, else the container's label
/// `nxgate.policy` if the configuration lets labels choose it; a label that may not gets nothing
/// resolved. The label `nxgate.allow` narrows the policy, never widens it. Empty: left alone.
[[nodiscard]] std::optional<Choice> select(const docker::Container& container,
                                           const config::DockerSettings& settings);

}  // namespace nxgate::app
