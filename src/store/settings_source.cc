#include "store/settings_source.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "config/complete.h"
#include "config/context.h"
#include "config/load.h"
#include "config/overrides.h"
#include "config/policy_source.h"
#include "config/settings.h"
#include "config/value.h"
#include "policy/rule.h"
#include "store/saved_rules.h"
#include "sys/netns.h"

namespace nxgate::store {
namespace {

using config::Context;
using config::PolicySettings;
using config::Settings;
using config::Text;
using policy::Action;

Settings read_file(Context& context, const std::string& path) {
  context.watched.push_back(path);
  const auto text = context.files.read(path);
  if (!text) {
    context.fault({path, 0, 0}, text.error().message);
    return {};
  }
  return config::read_toml(*text, path, context);
}

/// Lets the server options of the command line override the file.
void override_server(Context& context, const config::Overrides& given,
                     config::ServerSettings& server) {
  if (!given.listen.empty()) server.listen.clear();
  for (const Text& text : given.listen) {
    auto listener = config::parse_listener(text.value);
    if (!listener) {
      context.fault(text.at, listener.error().message);
      continue;
    }
    listener->at = text.at;
    listener->freebind = given.freebind;
    server.listen.push_back(*std::move(listener));
  }
  if (given.user) server.user = given.user->value;
  if (given.workers) {
    const auto workers = config::parse_workers(given.workers->value);
    if (!workers) return context.fault(given.workers->at, workers.error().message);
    server.workers = *workers;
  }
}

/// The same for the container options.
void override_docker(Context& context, const config::Overrides& given, Settings& settings) {
  config::DockerSettings& docker = settings.docker;
  if (given.engine) docker.socket = given.engine->value;
  if (given.attach_all) docker.attach_all = true;
  if (given.fail) {
    const auto opens = config::parse_fail(given.fail->value);
    if (!opens) return context.fault(given.fail->at, opens.error().message);
    docker.opens_on_death = *opens;
  }
  for (const Text& text : given.labels) {
    const auto label = config::parse_label(text.value);
    if (!label) return context.fault(text.at, label.error().message);
    docker.containers.emplace_back().label = *label;
  }
  for (const Text& text : given.networks) {
    docker.containers.emplace_back().network = text.value;
  }
  const bool known = std::ranges::any_of(settings.policies, [&](const PolicySettings& policy) {
    return policy.name.name == given.policy;
  });
  if (given.policy != "default" && !known) {
    context.fault({"--policy", 0, 0}, fmt::format("{}: no such policy in the configuration",
                                                  config::in_quotes(given.policy)));
  }
}

PolicySettings policy_of(Context& context, const config::Overrides& given) {
  PolicySettings policy;
  policy.name.name = "default";
  for (const Text& rule : given.allow) config::add_rule(context, policy, Action::kAllow, rule);
  for (const Text& rule : given.deny) config::add_rule(context, policy, Action::kDeny, rule);
  for (const Text& path : given.allow_files) {
    config::add_rule_files(context, policy, Action::kAllow, path, std::nullopt);
  }
  for (const Text& name : given.presets) config::add_preset(context, policy, name);
  for (const Text& path : given.hosts) config::add_hosts_files(context, policy, path);
  for (const Text& record : given.records) config::add_record(context, policy, record);
  if (const auto& text = given.on_upstream_failure) {
    const auto reply = config::parse_failure_reply(text->value);
    if (reply) {
      policy.on_upstream_failure = *reply;
    } else {
      context.fault(text->at, reply.error().message);
    }
  }
  return policy;
}

/// `ADDR[@NETNS]` each; all of them in one namespace, since they make up one group.
config::UpstreamSettings upstream_of(Context& context, const config::Overrides::Texts& texts) {
  config::UpstreamSettings upstream;
  upstream.name.name = "default";
  for (const Text& text : texts) {
    const auto at = text.value.find('@');
    const std::string netns = at == std::string::npos ? "" : text.value.substr(at + 1);
    if (at != std::string::npos) {
      if (const auto valid = config::parse_netns(netns); !valid) {
        context.fault(text.at, valid.error().message);
        continue;
      }
    }
    auto server = config::parse_upstream_server(text.value.substr(0, at));
    if (!server) {
      context.fault(text.at, server.error().message);
      continue;
    }
    if (!upstream.servers.empty() && !config::same_netns(netns, upstream.netns)) {
      context.fault(text.at, config::in_quotes(text.value) +
                                 ": expected the network namespace of the servers before it; "
                                 "write a configuration to ask in several");
      continue;
    }
    server->at = text.at;
    upstream.netns = netns;
    upstream.servers.push_back(*server);
  }
  return upstream;
}

}  // namespace

LoadedSettings load_settings(const config::Overrides& given, config::FileReader& files) {
  const std::string file = given.config.value_or("");
  Context context{.files = files, .directory = config::folder_of(file)};
  LoadedSettings loaded;
  Settings& settings = loaded.settings;
  if (given.config) {
    settings = read_file(context, file);
  } else {
    settings.policies.push_back(policy_of(context, given));
    if (!given.upstream.empty()) {
      settings.upstreams.push_back(upstream_of(context, given.upstream));
    }
  }
  override_server(context, given, settings.server);
  override_docker(context, given, settings);
  if (given.control) {
    settings.control.socket = given.control->value;
    settings.control.implied = false;
  }
  SavedRules saved = read_saved_rules(settings);
  context.add(std::move(saved.faults));
  for (Fault& skipped : saved.skipped) context.warn(skipped.at, std::move(skipped.text));
  std::ranges::move(saved.watched, std::back_inserter(context.watched));
  loaded.notices = std::move(saved.notices);
  settings.server.listens_by_default = given.listens_by_default;
  config::complete(context, settings);
  config::sort_faults(context.faults, file);
  loaded.faults = std::move(context.faults);
  loaded.warnings = std::move(context.warnings);
  loaded.watched = std::move(context.watched);
  return loaded;
}

Result<void> find_namespaces(const config::Settings& settings) {
  for (const config::UpstreamSettings& upstream : settings.upstreams) {
    // A container may come later.
    if (upstream.netns.empty() || config::container_in(upstream.netns)) continue;
    if (auto found = sys::NetnsRef(upstream.netns).open(); !found) {
      return fail("upstream " + upstream.name.name + ": " + found.error().message);
    }
  }
  return {};
}

void warn_of_unreadable(const std::vector<std::string>& watched, const std::string& user) {
  for (const std::string& path : watched) {
    if (::access(path.c_str(), R_OK) == 0 || errno != EACCES) continue;
    log::warning("{} can't be read as {}: nxgate can't reload it", path, user);
  }
}

}  // namespace nxgate::store
