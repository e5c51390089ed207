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
    {"address", "listener", kRequired, "Address or interface, and port.",
     read_value<&ListenTable::address, parse_listener>},
    {"netns", "namespace", "\"\"",
     "Network namespace to listen in: a path, a name of `ip netns`, or `pid:N`.",
     read_value<&ListenTable::netns, parse_netns>},
    {"policy", "policy name", "\"\"", "Enforce this policy here, whatever the client's address.",
     read_reference<&ListenTable::policy>},
    {"freebind", "true or false", "false",
     "The address need not be there yet, such as that of a Docker network's bridge (IP_FREEBIND).",
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

std::optional<Listener> read_listen_text(Reading& reading, const toml::node& node) {
  const auto text = reading.scalar(node);
  if (!text) return std::nullopt;
  auto listener = parse_listener(text->value);
  if (listener) return *std::move(listener);
  reading.fault(node, listener.error().message);
  return std::nullopt;
}

void read_listen(Reading& reading, const toml::node& node, ServerSettings& into) {
  const toml::array* const list = node.as_array();
  if (list == nullptr || list->empty()) {
    return reading.fault(node,
                         "expected a list of at least one listener, such as [\"127.0.0.1:53\"]");
  }
  for (const toml::node& element : *list) {
    const toml::table* const table = element.as_table();
    auto listener =
        table != nullptr ? read_listen_table(reading, *table) : read_listen_text(reading, element);
    if (!listener) continue;
    listener->at = reading.at(element.source());
    into.listen.push_back(*std::move(listener));
  }
}

constexpr std::array<Field<RateLimitSettings>, 5> kRateLimit{{
    {"queries-per-second", "number", "0",
     "Of each client over UDP, all workers together; 0 is any. What is beyond gets no answer. TCP "
     "is not limited by this.",
     read_value<&RateLimitSettings::queries_per_second, parse_within<0, 1'000'000>>},
    {"burst", "number", "200", "Queries that a client may ask at once after a pause.",
     read_value<&RateLimitSettings::burst, parse_within<1, 65535>>},
    {"ipv4-prefix", "number", "32", "The bits of an IPv4 address that are a client.",
     read_value<&RateLimitSettings::ipv4_prefix, parse_within<1, 32>>},
    {"ipv6-prefix", "number", "64", "The same for IPv6.",
     read_value<&RateLimitSettings::ipv6_prefix, parse_within<1, 128>>},
    {"truncate", "number", "2",
     "One in so many of the queries beyond is answered TC=1 instead, so that an honest client "
     "behind a forged address comes by TCP; 0 is none.",
     read_value<&RateLimitSettings::truncate, parse_within<0, 1000>>},
}};

void read_rate_limit(Reading& reading, const toml::node& node, ServerSettings& into) {
  if (const auto* const table = reading.table(node)) {
    read_table<RateLimitSettings>(reading, *table, rate_limit_fields(), into.rate_limit);
  }
}

constexpr std::array<Field<ServerSettings>, 10> kServer{{
    {"listen", "list of listeners", R"(["127.0.0.1:53", "[::1]:53"])",
     "Where to answer, over UDP and TCP: `address:port`, `interface:port`, either followed by "
     "`@NETNS`, or a table (see below).",
     read_listen, same_value<&ServerSettings::listen>},
    {"workers", "\"auto\" or number", "\"auto\"",
     "Threads that answer, each with sockets of its own; `auto` is one a processor.",
     read_value<&ServerSettings::workers, parse_workers>, same_value<&ServerSettings::workers>},
    {"user", "user name", "\"\"",
     "User to switch to after binding, when started as root. The empty text is `nxgate`, or "
     "`nobody` where there is no such user, who isn't nxgate's alone: then nxgate warns.",
     read_value<&ServerSettings::user, parse_text>, same_value<&ServerSettings::user>},
    {"seccomp", "true or false", "true",
     "Give up the system calls that serving doesn't need. For debuggers such as valgrind, which "
     "need them.",
     read_value<&ServerSettings::seccomp, parse_flag>, same_value<&ServerSettings::seccomp>},
    {"version-bind", "text", "\"\"",
     "Answer to CHAOS `version.bind`; the empty text refuses the question.",
     read_value<&ServerSettings::version_bind, parse_text>},
    {"tcp-idle", "time", "\"10s\"", "A TCP connection without a query for this long is closed.",
     read_value<&ServerSettings::tcp_idle, parse_time>, same_value<&ServerSettings::tcp_idle>},
    {"tcp-clients", "number", "1024",
     "TCP connections in all; beyond it the client that has most of them gives way, first by the "
     "one idle for longest.",
     read_value<&ServerSettings::tcp_clients, parse_count>,
     same_value<&ServerSettings::tcp_clients>},
    {"tcp-per-client", "number", "32",
     "TCP connections of one client: an attached container, an IPv4 address, an IPv6 /64; beyond "
     "it its own one idle for longest is closed.",
     read_value<&ServerSettings::tcp_per_client, parse_count>,
     same_value<&ServerSettings::tcp_per_client>},
    {"tcp-memory", "size", "\"64MiB\"",
     "Memory for answers over TCP that clients haven't taken yet, shared by client, beside 80 KiB "
     "a connection. A question for whose answer there is no room waits.",
     read_value<&ServerSettings::tcp_memory, parse_size>, same_value<&ServerSettings::tcp_memory>},
    {"rate-limit", "table", "{}", "How often a client may ask over UDP (see below).",
     read_rate_limit, same_value<&ServerSettings::rate_limit>},
}};

constexpr std::array<Field<CacheSettings>, 7> kCache{{
    {"size", "size", "\"32MiB\"", "Memory for answers of upstreams.",
     read_value<&CacheSettings::size, parse_size>, same_value<&CacheSettings::size>},
    {"least-ttl", "time", "\"0s\"", "Shorter TTLs are raised to this; a TTL of 0 stays 0.",
     read_value<&CacheSettings::least_ttl, parse_ttl>, same_value<&CacheSettings::least_ttl>},
    {"most-ttl", "time", "\"7d\"", "Longer TTLs are cut to this.",
     read_value<&CacheSettings::most_ttl, parse_ttl>, same_value<&CacheSettings::most_ttl>},
    {"most-negative-ttl", "time", "\"1h\"",
     "The same for upstreams' NXDOMAIN and NODATA (RFC 2308).",
     read_value<&CacheSettings::most_negative_ttl, parse_ttl>,
     same_value<&CacheSettings::most_negative_ttl>},
    {"stale", "time", "\"1d\"",
     "How long past its TTL an answer may serve while upstreams fail (RFC 8767); `0s` for never.",
     read_value<&CacheSettings::stale, parse_ttl>, same_value<&CacheSettings::stale>},
    {"prefetch", "true or false", "true", "Ask again for popular names shortly before they expire.",
     read_value<&CacheSettings::prefetch, parse_flag>},
    {"scope", "\"shared\", \"policy\" or \"client\"", "\"policy\"",
     "Who shares answers: all clients, those of one policy, or nobody, so that each attached "
     "container and each other client address has answers of its own. Who shares them sees by a "
     "TTL, or by how fast an answer comes, what the others asked for; who doesn't asks upstreams "
     "anew.",
     read_value<&CacheSettings::scope, parse_cache_scope>},
}};

}  // namespace

std::span<const Field<ListenTable>> listen_fields() { return kListen; }
std::span<const Field<RateLimitSettings>> rate_limit_fields() { return kRateLimit; }
std::span<const Field<ServerSettings>> server_fields() { return kServer; }
std::span<const Field<CacheSettings>> cache_fields() { return kCache; }

}  // namespace nxgate::config
