#include "app/selection.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/core.h>
#include <fnmatch.h>

#include "base/escape.h"
#include "config/settings.h"
#include "docker/container.h"

namespace nxgate::app {
namespace {

constexpr const char* kProjectLabel = "com.docker.compose.project";
constexpr const char* kServiceLabel = "com.docker.compose.service";

/// The value of a label; null without it.
const std::string* label_of(const docker::Container& container, const std::string& key) {
  const auto label = container.labels.find(key);
  return label == container.labels.end() ? nullptr : &label->second;
}

bool has_value(const docker::Container& container, const char* key, const std::string& wanted) {
  const std::string* const value = label_of(container, key);
  return wanted.empty() || (value != nullptr && *value == wanted);
}

bool has_label(const docker::Container& container, const std::string& wanted) {
  if (wanted.empty()) return true;
  const auto equals = wanted.find('=');
  const std::string* const value = label_of(container, wanted.substr(0, equals));
  return value != nullptr && (equals == std::string::npos || *value == wanted.substr(equals + 1));
}

bool is_on(const docker::Container& container, const std::string& network) {
  return network.empty() || std::ranges::any_of(container.networks, [&](const auto& membership) {
           return membership.network == network;
         });
}

bool matches(const config::ContainerRule& rule, const docker::Container& container) {
  return (rule.name.empty() || ::fnmatch(rule.name.c_str(), container.name.c_str(), 0) == 0) &&
         has_value(container, kProjectLabel, rule.project) &&
         has_value(container, kServiceLabel, rule.service) && has_label(container, rule.label) &&
         is_on(container, rule.network);
}

bool may_choose(const config::DockerSettings& settings, const std::string& policy) {
  return std::ranges::any_of(settings.label_policies, [&](const config::Reference& allowed) {
    return allowed.name == "*" || allowed.name == policy;
  });
}

/// What the container's label asks for, as far as it may.
Choice choice_by_label(const docker::Container& container, const config::DockerSettings& settings) {
  Choice choice;
  const std::string* const policy = label_of(container, kPolicyLabel);
  if (policy == nullptr) return choice;
  if (may_choose(settings, *policy)) {
    choice.policy = *policy;
  } else {
    choice.allow = "";
    choice.complaint = fmt::format(
        "label {}={}: docker.label-policies doesn't let labels choose it; nothing is resolved",
        kPolicyLabel, shortened(*policy));
  }
  return choice;
}

}  // namespace

std::optional<Choice> select(const docker::Container& container,
                             const config::DockerSettings& settings) {
  const auto rule = std::ranges::find_if(
      settings.containers,
      [&](const config::ContainerRule& each) { return matches(each, container); });
  const bool ruled = rule != settings.containers.end();
  const std::string* const allow = label_of(container, kAllowLabel);
  const bool labelled = allow != nullptr || label_of(container, kPolicyLabel) != nullptr;
  if (!ruled && !labelled && !settings.attach_all) return std::nullopt;

  Choice choice;
  if (ruled && !rule->policy.name.empty()) {
    choice.policy = rule->policy.name;
  } else {
    choice = choice_by_label(container, settings);
  }
  if (allow != nullptr && !choice.allow) choice.allow = *allow;
  return choice;
}

}  // namespace nxgate::app
