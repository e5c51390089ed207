#include "app/sandbox_settings.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "cli/options.h"
#include "config/context.h"
#include "config/egress_fields.h"
#include "config/settings.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"
#include "policy/rule.h"
#include "store/settings_source.h"
#include "sys/netns.h"
#include "sys/socket.h"
#include "wire/types.h"

namespace nxgate::app {
namespace {

/// Of the internet, whoever has it: nothing is sent.
constexpr std::string_view kSomewhere = "2606::1";

bool host_has_ipv6() {
  const RemoteEndpoint there{Endpoint{*IpAddress::parse(kSomewhere), 53}};
  return sys::open_upstream_socket(sys::SocketKind::kUdp, there, sys::NetnsRef()).has_value();
}

void open_to_all(policy::Egress& egress) {
  egress.never.clear();
  for (const char* const all : {"0.0.0.0/0", "::/0"}) {
    egress.always.push_back({*Prefix::parse(all), std::nullopt});
  }
}

void fit(config::PolicySettings& policy, const cli::Options& options) {
  const cli::RunOptions& run = options.run;
  if (!policy.egress) policy.egress = config::usual_egress();
  policy::Egress& egress = *policy.egress;
  egress.mode = policy::EgressMode::kEnforce;
  egress.networks = false;
  egress.checks.dial = policy::DialFrom::kHost;
  egress.checks.carries_all = true;
  if (!run.learn.empty() && options.config) {
    policy.rules.add({.name = {},
                      .scope = policy::Scope::kSubtree,
                      .action = policy::Action::kAllow,
                      .at = {.file = "--learn"}});
  }
  if (!run.learn.empty() || run.no_firewall) open_to_all(egress);
  if (!host_has_ipv6()) policy.suppressed_types.push_back(wire::Type::kAaaa);
}

}  // namespace

store::LoadedSettings load_for_sandbox(const cli::Options& options, config::FileReader& files) {
  config::Overrides given = options;
  if (!options.run.learn.empty() && !options.config) {
    given.allow.push_back({". force", {"--learn", 0, 0}});
  }
  store::LoadedSettings loaded = store::load_settings(given, files);
  config::Settings& settings = loaded.settings;
  settings.server.listen.clear();
  settings.clients.clear();
  settings.query_log = {};
  settings.control = {};
  settings.server.workers = 1;
  for (config::PolicySettings& policy : settings.policies) {
    if (policy.name.name == options.policy) fit(policy, options);
  }
  return loaded;
}

}  // namespace nxgate::app
