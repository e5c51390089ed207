#include "attach/selection.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <fnmatch.h>

#include "base/escape.h"
#include "config/settings.h"
#include "containers/container.h"
#include "policy/policy.h"
#include "store/attached_policy.h"

namespace nxgate::attach {
namespace {

using Labels = std::map<std::string, std::string>;

std::string quoted(const std::string& key, const std::string& value) {
  return fmt::format("{}={}", key, shortened(value));
}

/// The value of a label; null without it.
const std::string* value_of(const Labels& labels, const std::string& key) {
  const auto label = labels.find(key);
  return label == labels.end() ? nullptr : &label->second;
}

/// What the labels restrict a container to, if they do: the rules of one and the presets of the
/// other.
std::optional<std::string> restriction_by(const Labels& labels) {
  const std::string* const allow = value_of(labels, kAllowLabel);
  const std::string* const presets = value_of(labels, kPresetsLabel);
  if (allow == nullptr && presets == nullptr) return std::nullopt;
  std::string text = allow == nullptr ? "" : *allow;
  if (presets == nullptr) return text;
  std::istringstream names(*presets);
  for (std::string name; std::getline(names >> std::ws, name, ',');) {
    text += fmt::format("{}{}{}", text.empty() ? "" : ",", store::kPresetItem, name);
  }
  return text;
}

bool has_value(const Labels& labels, const char* key, const std::string& wanted) {
  const std::string* const value = value_of(labels, key);
  return wanted.empty() || (value != nullptr && *value == wanted);
}

bool has_label(const Labels& labels, const std::string& wanted) {
  if (wanted.empty()) return true;
  const auto equals = wanted.find('=');
  const std::string* const value = value_of(labels, wanted.substr(0, equals));
  return value != nullptr && (equals == std::string::npos || *value == wanted.substr(equals + 1));
}

bool is_on(const containers::Container& container, const std::string& network) {
  return network.empty() || std::ranges::any_of(container.networks, [&](const auto& membership) {
           return membership.network == network;
         });
}

bool matches(const config::ContainerRule& rule, const containers::Container& container,
             const Labels& labels) {
  return (rule.name.empty() || ::fnmatch(rule.name.c_str(), container.name.c_str(), 0) == 0) &&
         has_value(labels, containers::kProjectLabel, rule.project) &&
         has_value(labels, containers::kServiceLabel, rule.service) &&
         has_label(labels, rule.label) && is_on(container, rule.network);
}

bool may_choose(const config::DockerSettings& settings, const std::string& policy) {
  return std::ranges::any_of(settings.label_policies, [&](const config::Reference& allowed) {
    return allowed.name == "*" || allowed.name == policy;
  });
}

std::string names_of(const policy::PolicySet& policies) {
  std::string names;
  for (const auto& each : policies.all()) names += (names.empty() ? "" : ", ") + each->name;
  return names;
}

/// What the label asks for, as far as allowed.
Choice choice_by_label(const std::string& policy, const config::DockerSettings& settings,
                       const policy::PolicySet* known) {
  if (known != nullptr && known->find(policy) == nullptr) {
    return {.allow = "",
            .fault = fmt::format(
                "label {}: no such policy; nothing can be resolved or reached; there is {}",
                quoted(kPolicyLabel, policy), names_of(*known)),
            .closed = true};
  }
  if (may_choose(settings, policy)) return {.policy = policy};
  return {.allow = "",
          .complaint = fmt::format("label {}: docker.label-policies doesn't let labels choose it; "
                                   "nothing can be resolved or reached",
                                   quoted(kPolicyLabel, policy)),
          .closed = true};
}

/// By these labels, whether the container's or its image's.
std::optional<Choice> choose(const containers::Container& container, const Labels& labels,
                             const config::DockerSettings& settings,
                             const policy::PolicySet* known) {
  const auto rule = std::ranges::find_if(
      settings.containers,
      [&](const config::ContainerRule& each) { return matches(each, container, labels); });
  const bool ruled = rule != settings.containers.end();
  const std::string* const policy = value_of(labels, kPolicyLabel);
  const auto allow = restriction_by(labels);
  const bool labelled = allow || policy != nullptr;
  if (!ruled && !labelled && !settings.attach_all) return std::nullopt;

  Choice choice;
  if (ruled && !rule->policy.name.empty()) {
    choice.policy = rule->policy.name;
  } else if (policy != nullptr) {
    choice = choice_by_label(*policy, settings, known);
  }
  if (allow && !choice.allow) choice.allow = allow;
  choice.asked = ruled || labelled;
  return choice;
}

/// Which of them restrict a container.
std::string restricting(const Labels& labels) {
  if (!labels.contains(kPresetsLabel)) return kAllowLabel;
  return labels.contains(kAllowLabel) ? fmt::format("{} and {}", kAllowLabel, kPresetsLabel)
                                      : kPresetsLabel;
}

/// The message about labels that an image tries to use.
std::string complaint_of(const containers::Container& container, const std::string& but,
                         bool chosen) {
  std::string tried;
  for (const auto& [key, value] : container.image_labels) {
    const bool ours = key == kPolicyLabel || key == kAllowLabel || key == kPresetsLabel;
    if (ours || (chosen && key.size() + value.size() <= kLongestQuote)) {
      tried += (tried.empty() ? "" : ", ") + quoted(key, value);
    }
  }
  const std::string whose =
      container.image_fault.empty()
          ? "its image's"
          : fmt::format("treated as its image's, which can't be inspected ({})",
                        container.image_fault);
  return fmt::format("labels {} are {}: they choose no policy and match no rule{}", tried, whose,
                     but);
}

std::string text_of(const std::string& policy, const std::optional<std::string>& allow) {
  return policy + (allow ? " restricted to " + quote(*allow, '"') : "");
}

}  // namespace

containers::LabelKeys labels_that_count(const config::DockerSettings& settings) {
  containers::LabelKeys keys{kPolicyLabel, kAllowLabel, kPresetsLabel};
  for (const config::ContainerRule& rule : settings.containers) {
    if (!rule.label.empty()) keys.insert(rule.label.substr(0, rule.label.find('=')));
  }
  return keys;
}

std::optional<Choice> select_for_builds(const config::DockerSettings& settings) {
  const std::string& policy = settings.builds.name;
  if (policy == config::DockerSettings::kNoBuilds) return std::nullopt;
  if (policy.empty() && !settings.attach_all) return std::nullopt;
  Choice choice;
  if (!policy.empty()) choice.policy = policy;
  return choice;
}

std::optional<Choice> select(const containers::Container& container,
                             const config::DockerSettings& settings,
                             const policy::PolicySet* known) {
  auto own = choose(container, container.labels, settings, known);
  if (container.image_labels.empty()) return own;
  Labels all = container.labels;
  all.insert(container.image_labels.begin(), container.image_labels.end());
  const auto tried = choose(container, all, settings, known);
  const auto allow = restriction_by(container.image_labels);
  const bool ours = allow || container.image_labels.contains(kPolicyLabel);
  if (tried == own && !ours) return own;
  Choice choice = own.value_or(Choice{.asked = true});
  const bool narrowed = allow && !choice.allow;
  if (narrowed) choice.allow = allow;
  // Its operator may have asked for the same, which can't be told from what the image says.
  const bool other =
      tried && tried->policy != choice.policy && tried->complaint.empty() && tried->fault.empty();
  if (other) choice.others.push_back({tried->policy, std::nullopt});
  const std::string narrows =
      narrowed ? fmt::format(", restricted by {}", restricting(container.image_labels)) : "";
  const std::string holds =
      other ? fmt::format(", but whatever resolves must also be allowed by the policy {}",
                          tried->policy)
            : "";
  choice.complaint += (choice.complaint.empty() ? "" : "; ") +
                      complaint_of(container, narrows + holds, tried != own);
  return choice;
}

void restrict_by(Choice& choice, const Choice& member, const std::string& name) {
  const Choice::Other other{member.policy, member.allow};
  const bool agrees = choice.policy == member.policy && choice.allow == member.allow;
  if (member.closed && !choice.closed) {
    choice.closed = true;
    choice.fault =
        fmt::format("{}: {}", name, member.fault.empty() ? member.complaint : member.fault);
  }
  const auto held = [&choice](const Choice::Other& each) {
    return std::ranges::find(choice.others, each) != choice.others.end();
  };
  for (const Choice::Other& each : member.others) {
    if (!held(each)) choice.others.push_back(each);
  }
  if (!member.asked || agrees || held(other)) return;
  choice.complaint += fmt::format(
      "{}{} shares its namespace, and its own policy would be {}: what both policies allow "
      "resolves",
      choice.complaint.empty() ? "" : "; ", name, text_of(member.policy, member.allow));
  choice.others.push_back(other);
}

}  // namespace nxgate::attach
