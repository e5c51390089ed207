// The configuration as typed values, whatever it was written as.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "policy/egress.h"
#include "policy/exfiltration.h"
#include "policy/local_data.h"
#include "policy/policy.h"
#include "policy/rule_set.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::config {

/// The name of a policy or upstream, and where it was written. Two are equal if they name the same.
struct Reference {
  std::string name;
  Location at;

  bool operator==(const Reference& other) const { return name == other.name; }
};

/// One place to listen on, over UDP and TCP.
struct Listener {
  Endpoint endpoint;      ///< with `interface`, the IPv4 wildcard, meaning both families
  std::string interface;  ///< empty for any
  std::string netns;      ///< path, `ip netns` name or `pid:N`; empty for our own
  std::optional<Reference> policy;
  bool freebind = false;  ///< the address need not be there yet
  bool implied = false;   ///< nobody asked for it: skipped where the host has no IPv6
  Location at;

  /// Where the text stands makes no difference.
  bool operator==(const Listener& other) const {
    return endpoint == other.endpoint && interface == other.interface && netns == other.netns &&
           policy == other.policy && freebind == other.freebind && implied == other.implied;
  }
};

/// How often a client may ask over UDP.
struct RateLimitSettings {
  std::uint32_t queries_per_second = 0;  ///< 0: as often as it likes
  std::uint32_t burst = 200;
  std::uint32_t ipv4_prefix = 32;
  std::uint32_t ipv6_prefix = 64;
  std::uint32_t truncate = 2;  ///< one in so many too many is answered TC=1; 0: none

  bool operator==(const RateLimitSettings&) const = default;
};

struct ServerSettings {
  std::vector<Listener> listen;
  bool listens_by_default = true;  ///< whether `complete` adds the usual listeners if there is none
  std::uint32_t workers = 0;       ///< 0: as many as there are processors
  std::string user;                ///< empty for the usual one
  bool seccomp = true;
  std::string version_bind;  ///< empty refuses
  Milliseconds tcp_idle{10'000};
  std::uint32_t tcp_clients = 1024;
  std::uint32_t tcp_per_client = 32;
  std::size_t tcp_memory = 64UL << 20;
  RateLimitSettings rate_limit;
};

struct CacheSettings {
  std::size_t size = 32UL << 20;  ///< bytes
  Milliseconds least_ttl{0};
  Milliseconds most_ttl{Seconds(7L * 86400)};
  Milliseconds most_negative_ttl{Seconds(3600)};
  Milliseconds stale{Seconds(86400)};  ///< 0: stale answers are never served
  bool prefetch = true;
  policy::CacheScope scope = policy::CacheScope::kPolicy;
};

struct UpstreamServer {
  bool tcp_only = false;
  RemoteEndpoint endpoint;
  Location at;

  bool operator==(const UpstreamServer& other) const {
    return tcp_only == other.tcp_only && endpoint == other.endpoint;
  }
};

struct UpstreamSettings {
  Reference name;
  std::vector<UpstreamServer> servers;
  Milliseconds timeout{3500};
  bool trust_ad = false;
  Location trust_ad_at;
  std::string netns;
};

/// Names, each with all below it, that another upstream resolves. A route allows nothing by itself.
struct RouteSettings {
  std::vector<wire::DomainName> names;
  Reference upstream;
};

/// What a line of a list does that is wrong.
enum class BadLine : std::uint8_t {
  kRefuse = 0,  ///< the configuration is rejected
  kSkip,        ///< a warning
};

struct PolicySettings {
  Reference name;
  policy::DenyReply deny = policy::DenyReply::kNxDomain;
  std::optional<IpAddress> deny_v4;
  std::optional<IpAddress> deny_v6;
  Milliseconds negative_ttl{10'000};
  policy::RuleSet rules;  ///< of the keys and of the files they name
  BadLine on_bad_line = BadLine::kRefuse;
  policy::LocalData local{wire::process_hash_key()};
  bool local_cnames = false;  ///< whether a record may lead to names that aren't local
  std::vector<wire::Type> suppressed_types;
  bool service_targets = true;
  policy::FailureReply on_upstream_failure = policy::FailureReply::kServFail;
  Reference upstream{"default", {}};
  std::vector<RouteSettings> routes;
  std::optional<policy::Exfiltration> exfiltration;
  std::optional<policy::Egress> egress;
};

struct ClientRange {
  Prefix prefix;
  Location at;
};

struct ClientSettings {
  std::vector<ClientRange> from;
  Reference policy;
};

/// Which containers a rule is about: those that have all that is set.
struct ContainerRule {
  std::string name;     ///< pattern of fnmatch(3)
  std::string project;  ///< of compose
  std::string service;  ///< of compose
  std::string network;
  std::string label;  ///< `KEY` or `KEY=VALUE`
  Reference policy;   ///< empty leaves it to the label, else it is `default`
};

struct DockerSettings {
  std::string socket;       ///< path or unix://PATH; empty: DOCKER_HOST, else the usual place
  bool attach_all = false;  ///< containers that nothing matches get the policy `default`
  bool opens_on_death = false;
  std::vector<Reference> label_policies;  ///< what a label may choose; `*` for any
  std::vector<ContainerRule> containers;

  static constexpr const char* kNoBuilds = "none";
  /// For the steps of builds by BuildKit; empty: the policy `default` if all are attached, else
  /// none
  Reference builds;
};

/// The control socket and the metrics of a running server.
struct ControlSettings {
  static constexpr const char* kUsualSocket = "/run/nxgate/control.sock";

  std::string socket = kUsualSocket;  ///< empty for none
  bool implied = true;                ///< nobody asked for it: left out if it can't be had
  std::string group;                  ///< who may use it beside root and our own user
  std::optional<Endpoint> metrics;    ///< where metrics can be read over TCP
  std::string state;                  ///< directory of what must outlive a restart; empty for none

  bool operator==(const ControlSettings&) const = default;
};

enum class LoggedQueries : std::uint8_t { kAll, kDenied, kFirstSeen };

enum class DnstapMessages : std::uint8_t { kBoth, kQueries, kResponses };

/// Where the query log goes as dnstap.
struct DnstapSettings {
  std::variant<std::string, Endpoint> to;  ///< path of a unix socket, or TCP; empty path: none
  std::string identity;                    ///< empty: the host's name
  std::string version;                     ///< empty: ours
  DnstapMessages messages = DnstapMessages::kBoth;

  bool operator==(const DnstapSettings&) const = default;
};

/// Log of answered queries.
struct QueryLogSettings {
  std::string path;  ///< `-` is standard output; empty for none
  LoggedQueries queries = LoggedQueries::kAll;
  std::uint32_t sample = 1;            ///< one in so many
  std::vector<wire::DomainName> skip;  ///< left out, each with all below it
  bool hash_clients = false;
  DnstapSettings dnstap;
};

struct Settings {
  ServerSettings server;
  CacheSettings cache;
  std::vector<UpstreamSettings> upstreams;
  std::vector<PolicySettings> policies;
  std::vector<ClientSettings> clients;
  DockerSettings docker;
  ControlSettings control;
  QueryLogSettings query_log;
};

}  // namespace nxgate::config
