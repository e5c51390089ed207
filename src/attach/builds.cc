#include "attach/builds.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attach/attachments.h"
#include "attach/selection.h"
#include "attach/unattached.h"
#include "base/log.h"
#include "config/settings.h"
#include "containers/process_search.h"
#include "sys/netns.h"

namespace nxgate::attach {
namespace {

constexpr const char* kLeftAlone =
    "a build step (BuildKit), which isn't a container; set its policy with docker.builds or attach "
    "= \"all\"";
constexpr const char* kOnHost =
    "it uses the host's network (`docker build --network host`), which nxgate never changes";

constexpr const char* kId = "builds";

/// By the name of the engine's file.
std::string label_of(const sys::NetnsRef& netns) {
  const std::string& path = netns.text();
  return "build " + path.substr(path.rfind('/') + 1);
}

/// All steps count as one container, else each would have a new budget of names.
Subject to_subject(const sys::NetnsRef& netns, const Choice& choice) {
  return {.label = label_of(netns), .id = kId, .netns = netns, .choice = choice, .warning = {}};
}

/// Whether the configuration doesn't mention them: then it is logged that they bypass nxgate.
bool undecided(const config::DockerSettings& settings) { return settings.builds.name.empty(); }

}  // namespace

bool is_build(const Subject& subject) { return subject.id == kId; }

void Builds::begin(const sys::NetnsRef& netns, const config::DockerSettings& settings) {
  if (std::ranges::find(running_, netns) == running_.end()) running_.push_back(netns);
  if (const std::optional<Choice> choice = select_for_builds(settings)) {
    Subject subject = to_subject(netns, *choice);
    subject.starting = true;
    (void)attachments_.add(subject);  // which reports what went wrong
  } else if (undecided(settings) && !std::exchange(told_left_alone_, true)) {
    log::warning("{} is not attached, and neither are other build steps: {}", label_of(netns),
                 kLeftAlone);
  }
}

void Builds::look_at_host(const sys::NetnsRef& engines_own,
                          const config::DockerSettings& settings) {
  const auto identity = engines_own.identity();
  on_host_ = select_for_builds(settings) && identity && containers::has_build_step(*identity);
  if (on_host_ && !std::exchange(told_host_, true)) {
    log::warning("a build step is not attached: {}", kOnHost);
  }
}

void Builds::add_subjects(const config::DockerSettings& settings, std::vector<Subject>& wanted) {
  std::erase_if(running_, [](const sys::NetnsRef& netns) { return !netns.identity(); });
  const std::optional<Choice> choice = select_for_builds(settings);
  if (!choice) return;
  for (const sys::NetnsRef& netns : running_) wanted.push_back(to_subject(netns, *choice));
}

std::set<std::uint64_t> Builds::namespaces() const {
  std::set<std::uint64_t> all;
  for (const sys::NetnsRef& netns : running_) {
    if (const auto identity = netns.identity()) all.insert(*identity);
  }
  return all;
}

void Builds::add_unattached(const config::DockerSettings& settings,
                            std::vector<Unattached>& all) const {
  const bool wanted = select_for_builds(settings).has_value();
  for (const sys::NetnsRef& netns : running_) {
    const auto identity = netns.identity();
    if (!identity || attachments_.holds(*identity)) continue;
    std::string failure = attachments_.failure(*identity);
    all.push_back({.label = label_of(netns),
                   .netns = sys::netns_name(*identity),
                   .why = failure.empty() ? WhyUnattached::kBuild : WhyUnattached::kFailed,
                   .reason = failure.empty() ? kLeftAlone : std::move(failure),
                   .wanted = wanted});
  }
  if (on_host_) {
    all.push_back({.label = "a build step",
                   .netns = {},
                   .why = WhyUnattached::kHostNetwork,
                   .reason = kOnHost,
                   .wanted = false});
  }
}

}  // namespace nxgate::attach
