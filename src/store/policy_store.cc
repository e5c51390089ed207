#include "store/policy_store.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

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

PolicyStore::PolicyStore(const config::Overrides& given, config::FileReader& files,
                         LoadedSettings first, const sys::KeptCapabilities& kept,
                         policy::EgressRegistry& firewalls)
    : overrides_(given),
      files_(files),
      notices_(std::move(first.notices)),
      sealed_(sealed_part(first.settings)),
      watched_(std::move(first.watched)),
      kept_(kept),
      upstream_namespaces_(namespaces_of(first.settings)),
      firewalls_(firewalls),
      docker_(first.settings.docker),
      client_firewalls_(store::client_firewalls(first.settings)),
      bare_(build_snapshot(std::move(first.settings), registry_, firewalls_, generation_)),
      levels_(layers().size(), Level{.version = 0, .result = bare_}),
      snapshots_(bare_) {}

std::vector<StandingFault> PolicyStore::standing_faults() const {
  std::vector<StandingFault> standing;
  if (!faults_.empty()) {
    standing.push_back(
        {FaultSource::kReload,
         fmt::format("the last reload was rejected: {}, the first: {}; still serving generation {}",
                     counted(faults_.size(), "error"), to_string(faults_.front()), generation_)});
  }
  for (const std::string& notice : notices_) standing.push_back({FaultSource::kSavedRules, notice});
  return standing;
}

Faults PolicyStore::refusals(const config::Settings& next) const {
  Faults refused;
  for (const std::string& key : config::sealed_changes(sealed_, next)) {
    refused.push_back({{}, key + " can't change while running; restart to change it"});
  }
  if (!kept_.change_rules && !store::client_firewalls(next).empty()) {
    refused.push_back(
        {{},
         "an egress table for clients: the right to set up a firewall was given up at start, when "
         "there was none; restart to use one"});
  }
  for (const config::UpstreamSettings& upstream : next.upstreams) {
    if (upstream.netns.empty()) continue;
    if (upstream_namespaces_.contains(upstream.netns)) continue;
    refused.push_back({upstream.name.at,
                       fmt::format("upstreams.{}.netns: nxgate gave up the right to enter network "
                                   "namespaces that weren't named at start; restart to use {}",
                                   upstream.name.name, upstream.netns)});
  }
  return refused;
}

void PolicyStore::changed(const Layer& layer) {
  const auto all = layers();
  rebuild_from(static_cast<std::size_t>(std::ranges::find(all, &layer) - all.begin()));
  publish();
}

void PolicyStore::rebuild_from(std::size_t first) {
  const auto all = layers();
  for (std::size_t i = first; i < all.size(); ++i) {
    levels_[i] = {all[i]->version(), all[i]->over(i == 0 ? bare_ : levels_[i - 1].result)};
  }
}

void PolicyStore::publish() {
  snapshots_.publish(levels_.back().result);
  published_();
}

PolicyStore::Pending PolicyStore::begin() const {
  Pending pending{.registry = registry_, .layers = {}, .generation = generation_ + 1};
  for (const Layer* const layer : layers()) pending.layers.push_back(layer->copy());
  return pending;
}

void PolicyStore::prepare(Pending& pending) const noexcept {
  try {
    LoadedSettings next = load_settings(overrides_, files_);
    pending.watched = std::move(next.watched);
    pending.faults = std::move(next.faults);
    if (pending.faults.empty()) pending.faults = refusals(next.settings);
    if (!pending.faults.empty()) return;
    pending.warnings = std::move(next.warnings);
    pending.notices = std::move(next.notices);
    pending.description = describe(next.settings);
    pending.docker = next.settings.docker;
    pending.client_firewalls = store::client_firewalls(next.settings);
    pending.bare =
        build_snapshot(std::move(next.settings), pending.registry, firewalls_, pending.generation);
    Enforced below = pending.bare;
    for (const auto& layer : pending.layers) {
      below = layer->over(below);
      pending.levels.push_back({layer->version(), below});
    }
  } catch (const std::exception& error) {  // for want of memory
    pending.faults = {{{}, error.what()}};
  }
}

bool PolicyStore::commit(Pending& pending) {
  if (!pending.watched.empty()) watched_ = std::move(pending.watched);
  faults_ = std::move(pending.faults);
  for (const Fault& fault : faults_) log::error("{}", to_string(fault));
  if (!faults_.empty()) {
    ++reloads_.refused;
    log::error("reload rejected: {}; still serving generation {}", counted(faults_.size(), "error"),
               generation_);
    return false;
  }
  for (const Fault& warning : pending.warnings) log::warning("{}", to_string(warning));
  for (const std::string& notice : pending.notices) log::error("{}", notice);
  pending.replaced = {std::exchange(bare_, std::move(pending.bare))};
  for (Level& level : levels_) pending.replaced.push_back(std::move(level.result));
  levels_ = std::move(pending.levels);
  registry_ = std::move(pending.registry);
  generation_ = pending.generation;
  notices_ = std::move(pending.notices);
  docker_ = std::move(pending.docker);
  client_firewalls_ = std::move(pending.client_firewalls);
  // What was changed meanwhile isn't in what was built.
  const auto all = layers();
  const auto outdated = std::ranges::mismatch(all, levels_, {}, &Layer::version, &Level::version);
  rebuild_from(static_cast<std::size_t>(outdated.in1 - all.begin()));
  publish();
  ++reloads_.taken;
  log::info("reloaded: generation {}, {}", generation_, pending.description);
  return true;
}

}  // namespace nxgate::store
