#include "app/settings_source.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "app/options.h"
#include "app/saved_rules.h"
#include "base/error.h"
#include "config/complete.h"
#include "config/context.h"
#include "config/load.h"
#include "config/policy_source.h"
#include "config/settings.h"
#include "config/value.h"
#include "policy/rule.h"

namespace nxgate::app {
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

/// Lets the server options of the command line stand instead of what the file says.
void override_server(Context& context, const Options& options, config::ServerSettings& server) {
  if (!options.listen.empty()) server.listen.clear();
  for (const Text& text : options.listen) {
    auto listener = config::parse_listener(text.value);
    if (!listener) {
      context.fault(text.at, listener.error().message);
      continue;
    }
    listener->at = text.at;
    listener->freebind = options.freebind;
    server.listen.push_back(*std::move(listener));
  }
  if (options.user) server.user = options.user->value;
  if (options.workers) {
    const auto workers = config::parse_workers(options.workers->value);
    if (!workers) return context.fault(options.workers->at, workers.error().message);
    server.workers = *workers;
  }
}

/// The same for what is said of containers.
void override_docker(Context& context, const Options& options, Settings& settings) {
  config::DockerSettings& docker = settings.docker;
  if (options.engine) docker.socket = options.engine->value;
  if (options.attach_all) docker.attach_all = true;
  if (options.fail) {
    const auto opens = config::parse_fail(options.fail->value);
    if (!opens) return context.fault(options.fail->at, opens.error().message);
    docker.opens_on_death = *opens;
  }
  for (const Text& text : options.labels) {
    const auto label = config::parse_label(text.value);
    if (!label) return context.fault(text.at, label.error().message);
    docker.containers.emplace_back().label = *label;
  }
  for (const Text& text : options.networks) {
    docker.containers.emplace_back().network = text.value;
  }
  const bool known = std::ranges::any_of(settings.policies, [&](const PolicySettings& policy) {
    return policy.name.name == options.policy;
  });
  if (options.policy != "default" && !known) {
    context.fault({"--policy", 0, 0}, fmt::format("{}: no such policy in the configuration",
                                                  config::in_quotes(options.policy)));
  }
}

/// Attached containers are served where they are; more listeners only if asked for.
bool listens_by_default(Command command) {
  return command != Command::kAttach && command != Command::kDocker;
}

PolicySettings policy_of(Context& context, const Options& options) {
  PolicySettings policy;
  policy.name.name = "default";
  for (const Text& rule : options.allow) config::add_rule(context, policy, Action::kAllow, rule);
  for (const Text& rule : options.deny) config::add_rule(context, policy, Action::kDeny, rule);
  for (const Text& path : options.allow_files) {
    config::add_rule_files(context, policy, Action::kAllow, path);
  }
  for (const Text& path : options.hosts) config::add_hosts_files(context, policy, path);
  for (const Text& record : options.records) config::add_record(context, policy, record);
  if (const auto& text = options.on_upstream_failure) {
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
config::UpstreamSettings upstream_of(Context& context, const Options::Texts& texts) {
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

LoadedSettings load_settings(const Options& options, config::FileReader& files) {
  const std::string file = options.config.value_or("");
  Context context{.files = files, .directory = config::folder_of(file)};
  LoadedSettings loaded;
  Settings& settings = loaded.settings;
  if (options.config) {
    settings = read_file(context, file);
  } else {
    settings.policies.push_back(policy_of(context, options));
    if (!options.upstream.empty()) {
      settings.upstreams.push_back(upstream_of(context, options.upstream));
    }
  }
  override_server(context, options, settings.server);
  override_docker(context, options, settings);
  if (options.control) {
    settings.control.socket = options.control->value;
    settings.control.implied = false;
  }
  SavedRules saved = read_saved_rules(settings);
  context.add(std::move(saved.faults));
  for (Fault& skipped : saved.skipped) context.warn(skipped.at, std::move(skipped.text));
  std::ranges::move(saved.watched, std::back_inserter(context.watched));
  loaded.notices = std::move(saved.notices);
  settings.server.listens_by_default = listens_by_default(options.command);
  config::complete(context, settings);
  config::sort_faults(context.faults, file);
  loaded.faults = std::move(context.faults);
  loaded.warnings = std::move(context.warnings);
  loaded.watched = std::move(context.watched);
  return loaded;
}

}  // namespace nxgate::app
