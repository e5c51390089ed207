#include <array>
#include <span>

#include <toml++/toml.h>

#include "config/context.h"
#include "config/fields.h"
#include "config/reading.h"
#include "config/settings.h"

namespace nxgate::config {
namespace {

void read_server(Reading& reading, const toml::node& node, Settings& into) {
  if (const auto* const table = reading.table(node)) {
    read_table<ServerSettings>(reading, *table, server_fields(), into.server);
  }
}

void read_cache(Reading& reading, const toml::node& node, Settings& into) {
  if (const auto* const table = reading.table(node)) {
    read_table<CacheSettings>(reading, *table, cache_fields(), into.cache);
  }
}

void read_upstreams(Reading& reading, const toml::node& node, Settings& into) {
  reading.each_named(node, [&](const Text& name, const toml::table& table) {
    UpstreamSettings& upstream = into.upstreams.emplace_back();
    upstream.name = {name.value, name.at};
    read_table<UpstreamSettings>(reading, table, upstream_fields(), upstream);
  });
}

void read_policies(Reading& reading, const toml::node& node, Settings& into) {
  reading.each_named(node, [&](const Text& name, const toml::table& table) {
    PolicySettings& policy = into.policies.emplace_back();
    policy.name = {name.value, name.at};
    read_table<PolicySettings>(reading, table, policy_fields(), policy);
  });
}

void read_clients(Reading& reading, const toml::node& node, Settings& into) {
  reading.each_table(node, [&](const toml::table& table) {
    read_table<ClientSettings>(reading, table, client_fields(), into.clients.emplace_back());
  });
}

void read_docker(Reading& reading, const toml::node& node, Settings& into) {
  if (const auto* const table = reading.table(node)) {
    read_table<DockerSettings>(reading, *table, docker_fields(), into.docker);
  }
}

void read_control(Reading& reading, const toml::node& node, Settings& into) {
  if (const auto* const table = reading.table(node)) {
    read_table<ControlSettings>(reading, *table, control_fields(), into.control);
  }
}

void read_query_log(Reading& reading, const toml::node& node, Settings& into) {
  if (const auto* const table = reading.table(node)) {
    read_table<QueryLogSettings>(reading, *table, query_log_fields(), into.query_log);
  }
}

constexpr std::array<Field<Settings>, 8> kDocument{{
    {"server", "table", "{}", "Listeners, user and threads of the server.", read_server},
    {"cache", "table", "{}", "Cache for upstream answers.", read_cache},
    {"upstreams", "table of tables", "{}",
     "Groups of upstream servers. Without `upstreams.default`, the servers in `/etc/resolv.conf` "
     "are used; there is no built-in fallback.",
     read_upstreams},
    {"policies", "table of tables", "{}",
     "What is allowed; `policies.default` applies to clients that no `[[clients]]` range covers. "
     "Without a policy everything is denied.",
     read_policies},
    {"clients", "list of tables", "[]", "Which clients get which policy.", read_clients},
    {"docker", "table", "{}",
     "Which containers `nxgate docker` attaches to, and with which policy.", read_docker},
    {"control", "table", "{}", "The control socket and the metrics of a running server.",
     read_control},
    {"query-log", "table", "{}", "Log of answered queries.", read_query_log},
}};

}  // namespace

std::span<const Field<Settings>> document_fields() { return kDocument; }

}  // namespace nxgate::config
