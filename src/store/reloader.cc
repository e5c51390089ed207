#include "store/reloader.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/context.h"
#include "config/keys.h"
#include "config/overrides.h"
#include "config/settings.h"
#include "engine/snapshot.h"
#include "policy/policy.h"
#include "store/attached_policy.h"
#include "store/settings_source.h"
#include "store/snapshot_builder.h"
#include "sys/background.h"
#include "sys/privileges.h"

namespace nxgate::store {
namespace {

std::string counted(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// The part of settings that sealed_changes looks at.
config::Settings sealed_part(const config::Settings& settings) {
  config::Settings part;
  part.server = settings.server;
  part.cache = settings.cache;
  part.docker = settings.docker;
  part.control = settings.control;
  part.query_log = settings.query_log;
  return part;
}

std::set<std::string> namespaces_of(const config::Settings& settings) {
  std::set<std::string> names;
  for (const config::UpstreamSettings& upstream : settings.upstreams) names.insert(upstream.netns);
  return names;
}

}  // namespace

std::string describe(const config::Settings& settings) {
  std::string text;
  for (const config::PolicySettings& policy : settings.policies) {
    text += fmt::format("{}policy {}: {}", text.empty() ? "" : ", ", policy.name.name,
                        counted(policy.rules.size(), "rule"));
    if (policy.local.size() != 0) {
      text += " and " + counted(policy.local.size(), "local name");
    }
  }
  for (const config::UpstreamSettings& upstream : settings.upstreams) {
    if (upstream.servers.empty()) continue;
    std::string servers;
    for (const config::UpstreamServer& server : upstream.servers) {
      servers += fmt::format("{}{}{}", servers.empty() ? "" : " ", server.tcp_only ? "tcp://" : "",
                             server.endpoint.to_string());
    }
    text += fmt::format(", upstream {}: {}{}", upstream.name.name, servers,
                        upstream.netns.empty() ? "" : "@" + upstream.netns);
  }
  return text;
}

Reloader::Reloader(const config::Overrides& given, config::FileReader& files, LoadedSettings first,
                   const sys::KeptCapabilities& kept, policy::EgressRegistry& fences)
    : overrides_(given),
      files_(files),
      notices_(std::move(first.notices)),
      sealed_(sealed_part(first.settings)),
      watched_(std::move(first.watched)),
      kept_(kept),
      upstream_namespaces_(namespaces_of(first.settings)),
      fences_(fences),
      docker_(first.settings.docker),
      client_fences_(store::client_fences(first.settings)),
      bare_(build_snapshot(std::move(first.settings), registry_, fences_, generation_)),
      snapshots_(enforced()) {}

std::vector<StandingFault> Reloader::standing_faults() const {
  std::vector<StandingFault> standing;
  if (!faults_.empty()) {
    standing.push_back(
        {FaultSource::kReload,
         fmt::format("the last reload was refused by {}, the first: {}; "
                     "generation {} goes on",
                     counted(faults_.size(), "fault"), to_string(faults_.front()), generation_)});
  }
  for (const std::string& notice : notices_) standing.push_back({FaultSource::kSavedRules, notice});
  return standing;
}

Faults Reloader::refusals(const config::Settings& next) const {
  Faults refused;
  for (const std::string& key : config::sealed_changes(sealed_, next)) {
    refused.push_back({{}, key + " can't change while running; restart to change it"});
  }
  if (!kept_.change_rules && !store::client_fences(next).empty()) {
    refused.push_back(
        {{},
         "an egress table for clients: the right to set up a firewall was given up at start, when "
         "there was none; restart to use one"});
  }
  for (const config::UpstreamSettings& upstream : next.upstreams) {
    if (upstream.netns.empty()) continue;
    if (upstream_namespaces_.contains(upstream.netns)) continue;
    refused.push_back({upstream.name.at,
                       fmt::format("upstreams.{}.netns: the right to enter network namespaces that "
                                   "weren't named at start was given up; restart to use {}",
                                   upstream.name.name, upstream.netns)});
  }
  return refused;
}

void Reloader::set_attached(std::vector<AttachedPolicy> attached) {
  attached_ = std::move(attached);
  publish(enforced());
}

/// The configuration as it was read, what was decided since, and the containers.
std::shared_ptr<const engine::Snapshot> Reloader::enforced() const {
  const auto amended = amendments_.applied(bare_);
  policy::PolicySet::Attached policies;
  for (const AttachedPolicy& attached : attached_) {
    if (auto policy = policy_for(attached, *amended)) {
      policies.emplace(attached.key, std::move(policy));
    }
  }
  engine::Snapshot snapshot{.generation = amended->generation,
                            .policies = amended->policies.with(std::move(policies)),
                            .groups = amended->groups,
                            .options = amended->options};
  return std::make_shared<const engine::Snapshot>(std::move(snapshot));
}

void Reloader::publish(std::shared_ptr<const engine::Snapshot> next) {
  snapshots_.publish(std::move(next));
  published_();
}

bool Reloader::reload() {
  bool taken = false;
  try {
    if (!sys::at_low_priority([&] { taken = take_up(); })) {
      log::warning(
          "no thread was to be had for the reload, which kept the main thread busy: programs of "
          "nxgate's user have as many as it may have; see `ulimit -u`");
    }
  } catch (const std::exception& error) {
    faults_ = {{{}, error.what()}};
    log::error("reload refused: {}; generation {} goes on", error.what(), generation_);
  }
  ++(taken ? reloads_.taken : reloads_.refused);
  return taken;
}

bool Reloader::take_up() {
  LoadedSettings next = load_settings(overrides_, files_);
  watched_ = std::move(next.watched);
  faults_ = std::move(next.faults);
  if (faults_.empty()) faults_ = refusals(next.settings);
  for (const Fault& fault : faults_) log::error("{}", to_string(fault));
  if (!faults_.empty()) {
    log::error("reload refused by {}; generation {} goes on", counted(faults_.size(), "fault"),
               generation_);
    return false;
  }
  for (const Fault& warning : next.warnings) log::warning("{}", to_string(warning));
  const std::string description = describe(next.settings);
  config::DockerSettings docker = next.settings.docker;
  std::vector<policy::ClientFence> fences = store::client_fences(next.settings);
  const auto old = snapshots_.load();
  // What fails from here on, for want of memory, fails before anything has changed.
  auto bare = build_snapshot(std::move(next.settings), registry_, fences_, generation_ + 1);
  ++generation_;
  for (const std::string& notice : next.notices) log::error("{}", notice);
  notices_ = std::move(next.notices);
  bare_ = std::move(bare);
  docker_ = std::move(docker);
  client_fences_ = std::move(fences);
  publish(enforced());
  // Freeing a million names takes some milliseconds, so this thread waits until it is the last that
  // holds them; a query that is being answered may hold them longer, and lets them go then.
  const Instant patience = Clock::now() + Milliseconds(100);
  while (old.use_count() > 1 && Clock::now() < patience) {
    std::this_thread::sleep_for(Milliseconds(1));
  }
  log::info("reloaded: generation {}, {}", generation_, description);
  return true;
}

}  // namespace nxgate::store
