#include <array>
#include <optional>
#include <span>

#include <toml++/toml.h>

#include "config/context.h"
#include "config/egress_fields.h"
#include "config/fields.h"
#include "config/policy_source.h"
#include "config/reading.h"
#include "config/settings.h"
#include "config/value.h"
#include "policy/rule.h"

namespace nxgate::config {
namespace {

using policy::Action;

void read_servers(Reading& reading, const toml::node& node, UpstreamSettings& into) {
  reading.each(node, [&](const Text& text) {
    auto server = parse_upstream_server(text.value);
    if (!server) return reading.context.fault(text.at, server.error().message);
    server->at = text.at;
    into.servers.push_back(*server);
  });
  const toml::array* const list = node.as_array();
  if (list != nullptr && list->empty()) reading.fault(node, "expected at least one server");
}

void read_trust_ad(Reading& reading, const toml::node& node, UpstreamSettings& into) {
  read_value<&UpstreamSettings::trust_ad, parse_flag>(reading, node, into);
  into.trust_ad_at = reading.at(node.source());
}

constexpr std::array<Field<UpstreamSettings>, 4> kUpstream{{
    {"servers", "list of servers", kRequired,
     "Server addresses: `1.1.1.1`, `udp://1.1.1.1:53` (TCP if an answer is truncated), "
     "`tcp://[2620:fe::fe]:53` (TCP only), `fe80::1%eth0` (link-local, by the interface with that "
     "name or index in the network namespace of the group). The fastest working server is asked "
     "first.",
     read_servers},
    {"timeout", "time", "\"3500ms\"",
     "How long a client waits for servers that are alive, failover included. Silent ones are given "
     "up "
     "after a second.",
     read_value<&UpstreamSettings::timeout, parse_timeout>},
    {"trust-ad", "true or false", "false",
     "Whether clients that ask for it are told that these servers have validated an answer (AD), "
     "as "
     "SSHFP and DANE need it. Only for servers at loopback addresses or in a namespace, since on "
     "the "
     "way anybody could set the bit.",
     read_trust_ad},
    {"netns", "namespace", "\"\"",
     "Network namespace to send queries from: a path, a name of `ip netns`, `pid:N`, or "
     "`container:NAME`, that of a container of the engine at `docker.socket`, followed as it "
     "restarts.",
     read_value<&UpstreamSettings::netns, parse_netns>},
}};

void read_route_names(Reading& reading, const toml::node& node, RouteSettings& into) {
  reading.each(node, [&](const Text& text) {
    const auto name = parse_domain(text.value);
    if (!name) return reading.context.fault(text.at, name.error().message);
    into.names.push_back(*name);
  });
}

constexpr std::array<Field<RouteSettings>, 2> kRoute{{
    {"names", "list of names", kRequired, "Names, each with everything below it.",
     read_route_names},
    {"upstream", "upstream name", kRequired, "Upstream that resolves them.",
     read_reference<&RouteSettings::upstream>},
}};

/// Reads a list of texts with one of the functions of policy_source.h.
template <auto Add>
void read_each(Reading& reading, const toml::node& node, PolicySettings& into) {
  reading.each(node, [&](const Text& text) { Add(reading.context, into, text); });
}
constexpr std::array<Field<ListFile>, 2> kListFile{{
    {"path", "path", kRequired, "Files; `*` and `?` are wildcards.",
     [](Reading& reading, const toml::node& node, ListFile& into) {
       if (const auto text = reading.scalar(node)) into.path = *text;
     }},
    {"format", "word", "\"auto\"",
     "`names` (one rule per line), `hosts`, `adblock` (filters of whole names), `rpz`, or `auto`: "
     "as the first lines show. Other lines of a foreign format are counted and skipped with a "
     "warning.",
     read_value<&ListFile::format, parse_list_format>},
}};

template <Action action>
void read_list_files(Reading& reading, const toml::node& node, PolicySettings& into) {
  const auto add = [&](const Text& path, std::optional<policy::ListFormat> format) {
    add_rule_files(reading.context, into, action, path, format);
  };
  reading.each(
      node, [&](const Text& path) { add(path, std::nullopt); },
      [&](const toml::table& table) {
        ListFile file;
        const auto faults = reading.context.faults.size();
        read_table<ListFile>(reading, table, kListFile, file);
        if (reading.context.faults.size() == faults) add(file.path, file.format);
      });
}

template <auto Add, Action action>
void read_each_rule(Reading& reading, const toml::node& node, PolicySettings& into) {
  reading.each(node, [&](const Text& text) { Add(reading.context, into, action, text); });
}

void read_suppressed(Reading& reading, const toml::node& node, PolicySettings& into) {
  reading.each(node, [&](const Text& text) {
    const auto type = parse_record_type(text.value);
    if (!type) return reading.context.fault(text.at, type.error().message);
    into.suppressed_types.push_back(*type);
  });
}

void read_routes(Reading& reading, const toml::node& node, PolicySettings& into) {
  reading.each_table(node, [&](const toml::table& table) {
    read_table<RouteSettings>(reading, table, kRoute, into.routes.emplace_back());
  });
}

void read_exfiltration(Reading& reading, const toml::node& node, PolicySettings& into) {
  const toml::table* const table = reading.table(node);
  if (table == nullptr) return;
  read_table<policy::Exfiltration>(reading, *table, exfiltration_fields(),
                                   into.exfiltration.emplace());
}

void read_egress(Reading& reading, const toml::node& node, PolicySettings& into) {
  if (const toml::table* const table = reading.table(node)) {
    into.egress = read_egress_table(reading, *table);
  }
}

constexpr std::array<Field<PolicySettings>, 18> kPolicy{{
    {"allow", "list of rules", "[]",
     "Names that are resolved. `name`: the name and everything below it, `=name`: only the name, "
     "`*.name`: only names below it. The longest match wins; at the same length deny wins.",
     read_each_rule<add_rule, Action::kAllow>},
    {"deny-names", "list of rules", "[]",
     "Names that are denied even if a shorter rule allows them.",
     read_each_rule<add_rule, Action::kDeny>},
    {"on-bad-line", "word", "\"refuse\"",
     "What a wrong line of a list file does: `refuse` rejects the configuration, `skip` is a "
     "warning with the number of such lines.",
     read_value<&PolicySettings::on_bad_line, parse_bad_line>},
    {"allow-files", "list of files", "[]",
     "Files with one allow rule per line and `#` comments, or in another format (see "
     "`deny-files[]`); `*` and `?` are wildcards.",
     read_list_files<Action::kAllow>},
    {"deny-files", "list of files", "[]",
     "The same for deny rules. Paths, or tables with a path and a format.",
     read_list_files<Action::kDeny>},
    {"presets", "list of presets", "[]",
     "Lists of allow rules that come with nxgate, each with its ports: `npm`, `github`. `nxgate "
     "presets` shows them. A rule above about the same names goes before.",
     read_each<add_preset>},
    {"hosts-files", "list of paths", "[]",
     "Files like `/etc/hosts`, answered by nxgate itself, forward and reverse.",
     read_each<add_hosts_files>},
    {"records", "list of records", "[]",
     "Records that nxgate answers itself: `OWNER [TTL] TYPE DATA`; `*.name` is a wildcard.",
     read_each<add_record>},
    {"deny", "word", "\"nxdomain\"",
     "Reply to a denied name: `nxdomain`, `nodata`, `refused`, `drop` or `address`.",
     read_value<&PolicySettings::deny, parse_deny_reply>},
    {"deny-addresses", "list of addresses", "[]",
     "With `deny = \"address\"`: an IPv4 address, an IPv6 address, or both. A firewall opens them "
     "only if they are in `always` too.",
     read_each<add_deny_address>},
    {"negative-ttl", "time", "\"10s\"",
     "How long clients may cache a denial. A newly allowed name may take that long to resolve.",
     read_value<&PolicySettings::negative_ttl, parse_ttl>},
    {"suppress-types", "list of types", "[]",
     "Record types that allowed names don't have, such as `AAAA`: answered NODATA.",
     read_suppressed},
    {"service-targets", "true or false", "true",
     "The targets of an allowed name's SRV, MX, SVCB, HTTPS and NAPTR records resolve too, their "
     "addresses only; a firewall opens the record's port. So whoever has the name's zone can lead "
     "to "
     "any address.",
     read_value<&PolicySettings::service_targets, parse_flag>},
    {"on-upstream-failure", "word", "\"servfail\"",
     "Reply when no upstream answers: `servfail`, or `nxdomain` for networks that are offline on "
     "purpose.",
     read_value<&PolicySettings::on_upstream_failure, parse_failure_reply>},
    {"upstream", "upstream name", "\"default\"", "Upstream that resolves allowed names.",
     read_reference<&PolicySettings::upstream>},
    {"routes", "list of tables", "[]",
     "Names that another upstream resolves (see below). A route doesn't allow anything by itself.",
     read_routes},
    {"exfiltration", "table", "{}",
     "Limits to the data that a client can send to the owner of an allowed zone in query names "
     "(see below). Enabled if the table exists, and wherever a firewall enforces.",
     read_exfiltration},
    {"egress", "table", "{ mode = \"off\" }",
     "Firewall in each attached namespace that allows only what the allowed names resolved to (see "
     "below).",
     read_egress},
}};

void read_ranges(Reading& reading, const toml::node& node, ClientSettings& into) {
  reading.each(node, [&](const Text& text) {
    const auto prefix = parse_range(text.value);
    if (!prefix) return reading.context.fault(text.at, prefix.error().message);
    into.from.push_back({*prefix, text.at});
  });
}

constexpr std::array<Field<ClientSettings>, 2> kClients{{
    {"from", "list of ranges", kRequired, "Address ranges, `10.0.0.0/8`; the longest match wins.",
     read_ranges},
    {"policy", "policy name", kRequired, "Policy to enforce for these clients.",
     read_reference<&ClientSettings::policy>},
}};

}  // namespace

std::span<const Field<UpstreamSettings>> upstream_fields() { return kUpstream; }
std::span<const Field<ListFile>> list_file_fields() { return kListFile; }
std::span<const Field<RouteSettings>> route_fields() { return kRoute; }
std::span<const Field<PolicySettings>> policy_fields() { return kPolicy; }
std::span<const Field<ClientSettings>> client_fields() { return kClients; }

}  // namespace nxgate::config
