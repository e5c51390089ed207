#include "config/complete.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/error.h"
#include "config/context.h"
#include "config/resolv_conf.h"
#include "config/settings.h"
#include "config/value.h"
#include "policy/policy.h"
#include "policy/rule.h"

namespace nxgate::config {
namespace {

/// Each has a number of 16 bits, of which one means none.
constexpr std::size_t kMostRouteNames = 65535;

constexpr std::string_view kDefault = "default";

void add_default_listeners(Settings& settings) {
  if (!settings.server.listen.empty() || !settings.server.listens_by_default) return;
  for (const std::string_view text : {"127.0.0.1:53", "[::1]:53"}) {
    Listener listener = parse_listener(text).value();
    listener.implied = !listener.endpoint.address.is_v4();
    settings.server.listen.push_back(std::move(listener));
  }
}

/// Whether a query could be meant for either of two listeners. An interface listens on addresses
/// that are not known here, so it only clashes with itself and with a wildcard.
bool overlap(const Listener& a, const Listener& b) {
  if (a.endpoint.port != b.endpoint.port || !same_netns(a.netns, b.netns)) return false;
  const auto wildcard = [](const Listener& listener) {
    return listener.interface.empty() && listener.endpoint.address.is_unspecified();
  };
  if (!a.interface.empty() && !b.interface.empty()) return a.interface == b.interface;
  if (!a.interface.empty()) return wildcard(b);
  if (!b.interface.empty()) return wildcard(a);
  if (a.endpoint.address.is_v4() != b.endpoint.address.is_v4()) return false;
  return a.endpoint == b.endpoint || wildcard(a) || wildcard(b);
}

std::string describe(const Listener& listener) {
  const std::string where = listener.interface.empty()
                                ? listener.endpoint.to_string()
                                : fmt::format("{}:{}", listener.interface, listener.endpoint.port);
  return listener.netns.empty() ? where : fmt::format("{}@{}", where, listener.netns);
}

void check_listeners(Context& context, const Settings& settings) {
  const auto& listen = settings.server.listen;
  for (std::size_t i = 0; i < listen.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!overlap(listen[i], listen[j])) continue;
      context.fault(listen[i].at,
                    fmt::format("{} overlaps with {} of {}; expected each address once, and no "
                                "wildcard beside it",
                                in_quotes(describe(listen[i])), in_quotes(describe(listen[j])),
                                to_string(listen[j].at)));
      break;
    }
  }
}

/// Faults a reference to something that isn't there.
template <class T>
void check_reference(Context& context, const Reference& reference, const std::vector<T>& known,
                     std::string_view what) {
  std::vector<std::string_view> names;
  names.reserve(known.size());
  for (const T& one : known) names.push_back(one.name.name);
  if (std::ranges::find(names, reference.name) != names.end()) return;
  context.fault(reference.at,
                fmt::format("{}: no such {}{}; expected the name of a [{} table",
                            in_quotes(reference.name), what, suggestion(reference.name, names),
                            what == "policy" ? "policies.NAME]" : "upstreams.NAME]"));
}

void check_references(Context& context, const Settings& settings) {
  for (const Listener& listener : settings.server.listen) {
    if (listener.policy) check_reference(context, *listener.policy, settings.policies, "policy");
  }
  for (const ClientSettings& client : settings.clients) {
    if (!client.policy.name.empty()) {
      check_reference(context, client.policy, settings.policies, "policy");
    }
  }
  for (const ContainerRule& rule : settings.docker.containers) {
    if (!rule.policy.name.empty()) {
      check_reference(context, rule.policy, settings.policies, "policy");
    }
  }
  const Reference& builds = settings.docker.builds;
  if (!builds.name.empty() && builds.name != DockerSettings::kNoBuilds) {
    check_reference(context, builds, settings.policies, "policy");
  }
  for (const Reference& policy : settings.docker.label_policies) {
    if (policy.name != "*") check_reference(context, policy, settings.policies, "policy");
  }
  for (const PolicySettings& policy : settings.policies) {
    check_reference(context, policy.upstream, settings.upstreams, "upstream");
    std::size_t names = 0;
    for (const RouteSettings& route : policy.routes) {
      names += route.names.size();
      if (names > kMostRouteNames) {
        context.fault(policy.name.at,
                      fmt::format("the policy has more than {} names in routes", kMostRouteNames));
        break;
      }
      if (!route.upstream.name.empty()) {
        check_reference(context, route.upstream, settings.upstreams, "upstream");
      }
    }
  }
}

void check_clients(Context& context, const Settings& settings) {
  std::vector<const ClientRange*> seen;
  for (const ClientSettings& client : settings.clients) {
    for (const ClientRange& range : client.from) {
      const auto same = std::ranges::find_if(
          seen, [&](const ClientRange* other) { return other->prefix == range.prefix; });
      if (same != seen.end()) {
        context.fault(range.at, fmt::format("\"{}\" stands at {} already; expected each range once",
                                            range.prefix.to_string(), to_string((*same)->at)));
      }
      seen.push_back(&range);
    }
  }
}

void check_deny_addresses(Context& context, const Settings& settings) {
  for (const PolicySettings& policy : settings.policies) {
    const bool wanted = policy.deny == policy::DenyReply::kAddress;
    const bool given = policy.deny_v4 || policy.deny_v6;
    if (wanted == given) continue;
    context.fault(policy.name.at,
                  wanted ? "deny = \"address\" without \"deny-addresses\"; expected the addresses "
                           "to answer with"
                         : "\"deny-addresses\" without effect; expected deny = \"address\" beside");
  }
}

/// Whether questions to `server` would come back to us: it is one of our listeners in the same
/// namespace, or a loopback address of a port on which we listen by wildcard.
bool is_self(const UpstreamServer& server, std::string_view netns, const Settings& settings) {
  return std::ranges::any_of(settings.server.listen, [&](const Listener& listener) {
    if (!listener.interface.empty() || !same_netns(listener.netns, netns)) return false;
    if (listener.endpoint == server.endpoint) return true;
    return listener.endpoint.address.is_unspecified() && server.endpoint.address.is_loopback() &&
           listener.endpoint.port == server.endpoint.port &&
           listener.endpoint.address.is_v4() == server.endpoint.address.is_v4();
  });
}

void check_loops(Context& context, const Settings& settings) {
  for (const UpstreamSettings& upstream : settings.upstreams) {
    for (const UpstreamServer& server : upstream.servers) {
      if (!is_self(server, upstream.netns, settings)) continue;
      context.fault(server.at, fmt::format("\"{}\" is nxgate itself, which listens there; expected "
                                           "another server",
                                           server.endpoint.to_string()));
    }
  }
}

/// Whether the policy would ever ask an upstream: it allows a name, or has a record that may lead
/// on.
bool asks(const PolicySettings& policy) { return policy.local_cnames || policy.rules.allows_any(); }

bool needs_default_upstream(const Settings& settings) {
  return std::ranges::any_of(settings.policies, [](const PolicySettings& policy) {
    const bool named = policy.upstream.name == kDefault ||
                       std::ranges::any_of(policy.routes, [](const RouteSettings& route) {
                         return route.upstream.name == kDefault;
                       });
    return named && asks(policy);
  });
}

void add_default_upstream(Context& context, Settings& settings) {
  const auto named = [](const UpstreamSettings& upstream) {
    return upstream.name.name == kDefault;
  };
  if (std::ranges::any_of(settings.upstreams, named)) return;
  UpstreamSettings upstream;
  upstream.name.name = kDefault;
  if (needs_default_upstream(settings)) {
    const Location at{std::string(kResolvConf), 0, 0};
    context.watched.emplace_back(kResolvConf);
    const auto text = context.files.read(std::string(kResolvConf));
    if (!text) context.warn(at, text.error().message);
    for (UpstreamServer& server : parse_resolv_conf(text.value_or(""))) {
      if (is_self(server, "", settings)) {
        context.warn(server.at, fmt::format("nameserver {} is nxgate itself and left out",
                                            server.endpoint.address.to_string()));
      } else {
        upstream.servers.push_back(std::move(server));
      }
    }
    if (upstream.servers.empty()) {
      context.warn(at,
                   "no server to ask, so allowed names fail; name one, for example "
                   "[upstreams.default] servers = [\"1.1.1.1\"], or --upstream 1.1.1.1");
    }
  }
  settings.upstreams.push_back(std::move(upstream));
}

}  // namespace

void complete(Context& context, Settings& settings) {
  add_default_listeners(settings);
  if (settings.policies.empty()) settings.policies.emplace_back().name.name = kDefault;
  check_loops(context, settings);
  add_default_upstream(context, settings);
  check_listeners(context, settings);
  check_references(context, settings);
  check_clients(context, settings);
  check_deny_addresses(context, settings);
}

}  // namespace nxgate::config
