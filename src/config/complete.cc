#include "config/complete.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/error.h"
#include "config/context.h"
#include "config/settings.h"
#include "config/system_resolvers.h"
#include "config/value.h"
#include "policy/egress.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "policy/rule_set.h"

namespace nxgate::config {
namespace {

/// Each has a number of 16 bits, of which one means none.
constexpr std::size_t kMostRouteNames = 65535;
constexpr std::size_t kMostNamed = 65535;

constexpr std::string_view kDefault = "default";

void add_default_listeners(Settings& settings) {
  if (!settings.server.listen.empty() || !settings.server.listens_by_default) return;
  for (const std::string_view text : {"127.0.0.1:53", "[::1]:53"}) {
    Listener listener = parse_listener(text).value();
    listener.implied = !listener.endpoint.address.is_v4();
    settings.server.listen.push_back(std::move(listener));
  }
}

/// Listeners of one port in one namespace, to find those of which a query could be meant for
/// either. An interface listens on addresses that are not known here, so it only clashes with
/// itself and with a wildcard.
class Taken {
 public:
  /// The first of the listeners so far that overlaps with this one, which is `number` from here on.
  std::optional<std::size_t> add(const Listener& listener, std::size_t number) {
    const bool v4 = listener.endpoint.address.is_v4();
    if (!listener.interface.empty()) {
      const auto [same, alone] = interfaces_.try_emplace(listener.interface, number);
      if (!interface_) interface_ = number;
      return first(
          {alone ? std::nullopt : std::optional(same->second), wildcard_[0], wildcard_[1]});
    }
    const auto [same, alone] = addresses_.try_emplace(listener.endpoint.address, number);
    const bool wildcard = listener.endpoint.address.is_unspecified();
    const auto clash =
        first({alone ? std::nullopt : std::optional(same->second), wildcard_[v4],
               wildcard ? any_[v4] : std::nullopt, wildcard ? interface_ : std::nullopt});
    if (!any_[v4]) any_[v4] = number;
    if (wildcard && !wildcard_[v4]) wildcard_[v4] = number;
    return clash;
  }

 private:
  using Number = std::optional<std::size_t>;

  static Number first(std::initializer_list<Number> all) {
    Number least;
    for (const Number& each : all) {
      if (each && (!least || *each < *least)) least = each;
    }
    return least;
  }

  std::map<std::string, std::size_t> interfaces_;
  std::map<IpAddress, std::size_t> addresses_;
  Number interface_;                ///< the first of any
  std::array<Number, 2> any_;       ///< the first address, by family, IPv4 the second
  std::array<Number, 2> wildcard_;  ///< likewise
};

std::string describe(const Listener& listener) {
  const std::string where = listener.interface.empty()
                                ? listener.endpoint.to_string()
                                : fmt::format("{}:{}", listener.interface, listener.endpoint.port);
  return listener.netns.empty() ? where : fmt::format("{}@{}", where, listener.netns);
}

void check_listeners(Context& context, const Settings& settings) {
  const auto& listen = settings.server.listen;
  std::map<std::pair<std::string, std::uint16_t>, Taken> taken;
  for (std::size_t i = 0; i < listen.size(); ++i) {
    Taken& there = taken[{netns_path(listen[i].netns), listen[i].endpoint.port}];
    const auto clash = there.add(listen[i], i);
    if (!clash) continue;
    context.fault(
        listen[i].at,
        fmt::format(
            "{} overlaps with {} of {}; expected each address once, and no wildcard with it",
            in_quotes(describe(listen[i])), in_quotes(describe(listen[*clash])),
            to_string(listen[*clash].at)));
  }
}

/// The names of policies or upstreams, to which others refer.
class Known {
 public:
  template <class T>
  Known(const std::vector<T>& known, std::string_view what) : what_(what) {
    names_.reserve(known.size());
    for (const T& one : known) names_.push_back(one.name.name);
    sorted_ = names_;
    std::ranges::sort(sorted_);
  }

  /// Faults a reference to something that isn't there.
  void check(Context& context, const Reference& reference) const {
    if (std::ranges::binary_search(sorted_, reference.name)) return;
    context.fault(reference.at,
                  fmt::format("{}: no such {}{}; expected the name of a [{} table",
                              in_quotes(reference.name), what_, suggestion(reference.name, names_),
                              what_ == "policy" ? "policies.NAME]" : "upstreams.NAME]"));
  }

 private:
  std::string_view what_;
  std::vector<std::string_view> names_;
  std::vector<std::string_view> sorted_;
};

/// AD is worth what the way from the server is.
void check_trust(Context& context, const Settings& settings) {
  for (const UpstreamSettings& upstream : settings.upstreams) {
    if (!upstream.trust_ad || !upstream.netns.empty()) continue;
    for (const UpstreamServer& server : upstream.servers) {
      if (server.endpoint.address.is_loopback()) continue;
      context.fault(
          upstream.trust_ad_at,
          fmt::format("trust-ad: the way to {} is in the clear, where anybody could set the "
                      "bit; expected servers at loopback addresses, or a netns",
                      server.endpoint.to_string()));
      break;
    }
  }
}

void check_references(Context& context, const Settings& settings) {
  const Known policies(settings.policies, "policy");
  const Known upstreams(settings.upstreams, "upstream");
  for (const std::size_t count : {settings.policies.size(), settings.upstreams.size()}) {
    if (count < kMostNamed) continue;
    context.fault({}, fmt::format("{} policies or upstreams; expected fewer than {} of each", count,
                                  kMostNamed));
  }
  for (const Listener& listener : settings.server.listen) {
    if (listener.policy) policies.check(context, *listener.policy);
  }
  for (const ClientSettings& client : settings.clients) {
    if (!client.policy.name.empty()) {
      policies.check(context, client.policy);
    }
  }
  for (const ContainerRule& rule : settings.docker.containers) {
    if (!rule.policy.name.empty()) {
      policies.check(context, rule.policy);
    }
  }
  const Reference& builds = settings.docker.builds;
  if (!builds.name.empty() && builds.name != DockerSettings::kNoBuilds) {
    policies.check(context, builds);
  }
  for (const Reference& policy : settings.docker.label_policies) {
    if (policy.name != "*") policies.check(context, policy);
  }
  for (const PolicySettings& policy : settings.policies) {
    upstreams.check(context, policy.upstream);
    std::size_t names = 0;
    for (const RouteSettings& route : policy.routes) {
      names += route.names.size();
      if (names > kMostRouteNames) {
        context.fault(policy.name.at,
                      fmt::format("the policy has more than {} names in routes", kMostRouteNames));
        break;
      }
      if (!route.upstream.name.empty()) {
        upstreams.check(context, route.upstream);
      }
    }
  }
}

void check_clients(Context& context, const Settings& settings) {
  std::map<std::pair<IpAddress, std::uint8_t>, const ClientRange*> seen;
  for (const ClientSettings& client : settings.clients) {
    for (const ClientRange& range : client.from) {
      const auto [same, first] =
          seen.try_emplace({range.prefix.address(), range.prefix.length()}, &range);
      if (first) continue;
      context.fault(range.at, fmt::format("\"{}\" stands at {} already; expected each range once",
                                          range.prefix.to_string(), to_string(same->second->at)));
    }
  }
}

/// What a policy's firewall would be told: where it is for clients, all their ranges too.
void check_firewalls(Context& context, const Settings& settings) {
  for (const PolicySettings& policy : settings.policies) {
    if (!policy.egress) continue;
    std::size_t ranges = policy.egress->always.size() + policy.egress->never.size();
    const bool for_clients = std::ranges::any_of(settings.clients, [&](const auto& client) {
      return client.policy.name == policy.name.name;
    });
    if (for_clients) {
      for (const ClientSettings& client : settings.clients) ranges += client.from.size();
    }
    if (ranges <= policy::kMostRanges) continue;
    context.fault(
        policy.name.at,
        fmt::format("a firewall of {} ranges; expected at most {} of \"always\" (for each "
                    "port), \"never\"{} together: join some",
                    ranges, policy::kMostRanges, for_clients ? " and all \"from\"" : ""));
  }
}

void check_deny_addresses(Context& context, const Settings& settings) {
  for (const PolicySettings& policy : settings.policies) {
    const bool wanted = policy.deny == policy::DenyReply::kAddress;
    const bool given = policy.deny_v4 || policy.deny_v6;
    if (wanted == given) continue;
    context.fault(
        policy.name.at,
        wanted
            ? "deny = \"address\" without \"deny-addresses\"; expected the addresses to reply with"
            : "\"deny-addresses\" has no effect; expected deny = \"address\" beside");
  }
}

/// Whether questions to `server` would come back to us: it is one of our listeners in the same
/// namespace, or an address of this host (also of loopback) and a port on which we listen by
/// wildcard.
bool is_self(Context& context, const UpstreamServer& server, const std::string& netns,
             const Settings& settings) {
  const Endpoint& asked = server.endpoint;
  return std::ranges::any_of(settings.server.listen, [&](const Listener& listener) {
    const Endpoint& ours = listener.endpoint;
    if (!listener.interface.empty() || !same_netns(listener.netns, netns)) return false;
    if (ours.port != asked.port || ours.address.is_v4() != asked.address.is_v4()) return false;
    if (!ours.address.is_unspecified()) return ours.address == asked.address;
    return context.files.is_own_address(server.endpoint, netns);
  });
}

void check_loops(Context& context, const Settings& settings) {
  for (const UpstreamSettings& upstream : settings.upstreams) {
    for (const UpstreamServer& server : upstream.servers) {
      if (!is_self(context, server, upstream.netns, settings)) continue;
      context.fault(server.at, fmt::format("\"{}\" is nxgate itself; expected another server",
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
    for (UpstreamServer& server : parse_system_resolvers(text.value_or(""))) {
      if (is_self(context, server, "", settings)) {
        context.warn(server.at, fmt::format("nameserver {} is nxgate itself and is ignored",
                                            server.endpoint.host()));
      } else if (server.endpoint.lacks_zone()) {
        context.warn(server.at, fmt::format("nameserver {} is link-local and is ignored; expected "
                                            "its interface behind it, such as {}%eth0",
                                            server.endpoint.host(), server.endpoint.host()));
      } else {
        upstream.servers.push_back(std::move(server));
      }
    }
    if (upstream.servers.empty()) {
      context.warn(at,
                   "no upstream server, so allowed names fail; set one, for example "
                   "[upstreams.default] servers = [\"1.1.1.1\"], or --upstream 1.1.1.1");
    }
  }
  settings.upstreams.push_back(std::move(upstream));
}

void warn_of_contradictions(Context& context, const Settings& settings) {
  for (const PolicySettings& policy : settings.policies) {
    const policy::RuleSet& rules = policy.rules;
    for (const auto& [allow, deny] : rules.contradictions()) {
      const auto text = [&](policy::StandingRule rule) {
        return policy::to_string(policy::RuleSet::scope_of(rule), rules.name_of(rule));
      };
      context.warn(rules.location_of(allow),
                   fmt::format("`{}` does nothing: `{}` ({}) denies the same names", text(allow),
                               text(deny), to_string(rules.location_of(deny))));
    }
  }
}

}  // namespace

void complete(Context& context, Settings& settings) {
  add_default_listeners(settings);
  if (settings.policies.empty()) settings.policies.emplace_back().name.name = kDefault;
  check_loops(context, settings);
  add_default_upstream(context, settings);
  check_listeners(context, settings);
  check_trust(context, settings);
  check_references(context, settings);
  check_clients(context, settings);
  check_firewalls(context, settings);
  check_deny_addresses(context, settings);
  warn_of_contradictions(context, settings);
}

}  // namespace nxgate::config
