#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <toml++/toml.h>

#include "base/error.h"
#include "config/context.h"
#include "config/fields.h"
#include "config/reading.h"
#include "config/settings.h"
#include "config/value.h"

namespace nxgate::config {
namespace {

constexpr std::array<Field<ListenTable>, 4> kListen{{
    {"address", "listener", kRequired, "Address or interface, with a port.",
     read_value<&ListenTable::address, parse_listener>},
    {"netns", "namespace", "\"\"",
     "Network namespace to listen in: a path, a name of `ip netns`, `pid:N`, or "
     "`container:NAME`, that of a container of the engine at `docker.socket`, followed as it "
     "restarts.",
     read_value<&ListenTable::netns, parse_netns>},
    {"policy", "policy name", "\"\"",
     "Policy for all queries to this listener, whatever the client's address.",
     read_reference<&ListenTable::policy>},
    {"freebind", "true or false", "false",
     "The address need not exist yet, such as that of a Docker network's bridge (IP_FREEBIND).",
     read_value<&ListenTable::freebind, parse_flag>},
}};

std::optional<Listener> read_listen_table(Reading& reading, const toml::table& table) {
  ListenTable parts;
  const auto faults = reading.context.faults.size();
  read_table(reading, table, listen_fields(), parts);
  if (reading.context.faults.size() != faults) return std::nullopt;
  Listener listener = std::move(parts.address);
  if (!parts.netns.empty() && !listener.netns.empty()) {
    reading.fault(table, "names a network namespace both in \"address\" and in \"netns\"");
    return std::nullopt;
  }
  if (!parts.netns.empty()) listener.netns = std::move(parts.netns);
  listener.freebind = parts.freebind;
  if (!parts.policy.name.empty()) listener.policy = std::move(parts.policy);
  return listener;
}

void read_listen(Reading& reading, const toml::node& node, ServerSettings& into) {
  const toml::array* const list = node.as_array();
  if (list == nullptr || list->empty()) {
    return reading.fault(node,
                         "expected a list of at least one listener, such as [\"127.0.0.1:53\"]");
  }
  const auto add = [&](Listener listener, const Location& at) {
    listener.at = at;
    into.listen.push_back(std::move(listener));
  };
  reading.each(
      node,
      [&](const Text& text) {
        auto listener = parse_listener(text.value);
        if (!listener) return reading.context.fault(text.at, listener.error().message);
        add(*std::move(listener), text.at);
      },
      [&](const toml::table& table) {
        auto listener = read_listen_table(reading, table);
        if (listener) add(*std::move(listener), reading.at(table.source()));
      });
}

constexpr std::array<Field<RateLimitSettings>, 5> kRateLimit{{
    {"queries-per-second", "number", "0",
     "Queries per second for each client over UDP, for all workers together; 0 = unlimited. "
     "Queries beyond it get no answer. TCP isn't limited.",
     read_value<&RateLimitSettings::queries_per_second, parse_within<0, 1'000'000>>},
    {"burst", "number", "200", "Queries that a client may send at once after a pause.",
     read_value<&RateLimitSettings::burst, parse_within<1, 65535>>},
    {"ipv4-prefix", "number", "32", "Prefix length by which IPv4 clients are told apart.",
     read_value<&RateLimitSettings::ipv4_prefix, parse_within<1, 32>>},
    {"ipv6-prefix", "number", "64", "The same for IPv6.",
     read_value<&RateLimitSettings::ipv6_prefix, parse_within<1, 128>>},
    {"truncate", "number", "2",
     "One in N of the queries beyond the limit is answered with TC=1, so that a real client whose "
     "address is forged can retry over TCP; 0 = none.",
     read_value<&RateLimitSettings::truncate, parse_within<0, 1000>>},
}};

void read_rate_limit(Reading& reading, const toml::node& node, ServerSettings& into) {
  if (const auto* const table = reading.table(node)) {
    read_table<RateLimitSettings>(reading, *table, rate_limit_fields(), into.rate_limit);
  }
}

constexpr std::array<Field<ServerSettings>, 10> kServer{{
    {"listen", "list of listeners", R"(["127.0.0.1:53", "[::1]:53"])",
     "Addresses to listen on, over UDP and TCP: `address:port`, `interface:port`, either followed "
     "by `@NETNS`, or a table (see below).",
     read_listen, same_value<&ServerSettings::listen>},
    {"workers", "\"auto\" or number", "\"auto\"",
     "Number of worker threads, each with its own sockets; `auto`: one per processor.",
     read_value<&ServerSettings::workers, parse_workers>, same_value<&ServerSettings::workers>},
    {"user", "user name", "\"\"",
     "User to switch to after binding, when started as root. Empty for `nxgate`, or `nobody` if "
     "there is no such user; nxgate then warns, because other programs run as `nobody` too.",
     read_value<&ServerSettings::user, parse_text>, same_value<&ServerSettings::user>},
    {"seccomp", "true or false", "true",
     "Block the system calls that serving doesn't need. Turn it off for debuggers such as "
     "valgrind.",
     read_value<&ServerSettings::seccomp, parse_flag>, same_value<&ServerSettings::seccomp>},
    {"version-bind", "text", "\"\"", "Answer to CHAOS `version.bind`; empty to refuse the query.",
     read_value<&ServerSettings::version_bind, parse_text>},
    {"tcp-idle", "time", "\"10s\"", "A TCP connection is closed after this time without a query.",
     read_value<&ServerSettings::tcp_idle, parse_time>, same_value<&ServerSettings::tcp_idle>},
    {"tcp-clients", "number", "1024",
     "Limit of TCP connections in total; beyond it the longest idle connection of the client with "
     "most connections is closed.",
     read_value<&ServerSettings::tcp_clients, parse_count>,
     same_value<&ServerSettings::tcp_clients>},
    {"tcp-per-client", "number", "32",
     "Limit of TCP connections per client: an attached container, an IPv4 address, an IPv6 /64; "
     "beyond it the client's longest idle connection is closed.",
     read_value<&ServerSettings::tcp_per_client, parse_count>,
     same_value<&ServerSettings::tcp_per_client>},
    {"tcp-memory", "size", "\"64MiB\"",
     "Memory for TCP answers that clients haven't read yet, shared between clients, in addition to "
     "80 KiB per connection. Queries wait while there is no room for their answers.",
     read_value<&ServerSettings::tcp_memory, parse_size>, same_value<&ServerSettings::tcp_memory>},
    {"rate-limit", "table", "{}", "Query rate limit for each client over UDP (see below).",
     read_rate_limit, same_value<&ServerSettings::rate_limit>},
}};

constexpr std::array<Field<CacheSettings>, 7> kCache{{
    {"size", "size", "\"32MiB\"", "Memory for cached answers.",
     read_value<&CacheSettings::size, parse_size>, same_value<&CacheSettings::size>},
    {"least-ttl", "time", "\"0s\"", "Shorter TTLs are raised to this; a TTL of 0 stays 0.",
     read_value<&CacheSettings::least_ttl, parse_ttl>, same_value<&CacheSettings::least_ttl>},
    {"most-ttl", "time", "\"7d\"", "Longer TTLs are cut to this.",
     read_value<&CacheSettings::most_ttl, parse_ttl>, same_value<&CacheSettings::most_ttl>},
    {"most-negative-ttl", "time", "\"1h\"",
     "The same limit for NXDOMAIN and NODATA from upstreams (RFC 2308).",
     read_value<&CacheSettings::most_negative_ttl, parse_ttl>,
     same_value<&CacheSettings::most_negative_ttl>},
    {"stale", "time", "\"1d\"",
     "How long after its TTL an answer may be used while upstreams fail (RFC 8767); `0s` = never.",
     read_value<&CacheSettings::stale, parse_ttl>, same_value<&CacheSettings::stale>},
    {"prefetch", "true or false", "true", "Refresh popular names shortly before they expire.",
     read_value<&CacheSettings::prefetch, parse_flag>},
    {"scope", "\"shared\", \"policy\" or \"client\"", "\"policy\"",
     "Who shares cached answers: all clients, the clients of one policy, or nobody, so that each "
     "attached container and each other client address has its own. Clients that share answers can "
     "tell from TTLs and response times what the others asked for; clients that don't share cause "
     "more upstream queries.",
     read_value<&CacheSettings::scope, parse_cache_scope>},
}};

}  // namespace

std::span<const Field<ListenTable>> listen_fields() { return kListen; }
std::span<const Field<RateLimitSettings>> rate_limit_fields() { return kRateLimit; }
std::span<const Field<ServerSettings>> server_fields() { return kServer; }
std::span<const Field<CacheSettings>> cache_fields() { return kCache; }

}  // namespace nxgate::config
