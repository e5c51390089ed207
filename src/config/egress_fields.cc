#include "config/egress_fields.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <toml++/toml.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "config/context.h"
#include "config/reading.h"
#include "config/value.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"

namespace nxgate::config {

namespace {

constexpr std::array<std::uint16_t, 2> kDnsPorts{53, 853};

/// Where clouds tell a machine its credentials.
constexpr auto kMetadata = std::to_array<std::string_view>(
    {"169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23",
     "192.0.0.192", "100.100.100.200", "168.63.129.16"});
void append_metadata(std::vector<Prefix>& into) {
  for (const std::string_view address : kMetadata) into.push_back(*Prefix::parse(address));
}

void read_mode(Reading& reading, const toml::node& node, EgressTable& into) {
  const auto text = reading.scalar(node);
  if (!text) return;
  into.off = text->value == "off";
  if (text->value == "audit") into.egress.mode = policy::EgressMode::kAudit;
  if (into.off || text->value == "audit" || text->value == "enforce") return;
  reading.fault(node, in_quotes(text->value) + ": expected \"off\", \"audit\" or \"enforce\"");
}

void read_ports(Reading& reading, const toml::node& node, EgressTable& into) {
  reading.each(node, [&](const Text& text) {
    const auto ports = parse_ports(text.value);
    if (!ports) {
      return reading.context.fault(
          text.at, in_quotes(text.value) + ": expected a port, such as \"tcp/443\" or \"53\"");
    }
    into.egress.ports.insert(into.egress.ports.end(), ports->begin(), ports->end());
  });
}

/// `10.0.0.0/8 tcp/5432`, or a range alone.
void read_always(Reading& reading, const toml::node& node, EgressTable& into) {
  reading.each(node, [&](const Text& text) {
    const std::string_view whole = text.value;
    const auto blank = whole.find(' ');
    const auto range = parse_range(whole.substr(0, blank));
    if (!range) return reading.context.fault(text.at, range.error().message);
    if (blank == std::string_view::npos) {
      into.egress.always.push_back({*range, std::nullopt});
      return;
    }
    const std::string_view words = whole.substr(whole.find_first_not_of(' ', blank));
    const auto ports = parse_ports(words);
    if (!ports) {
      return reading.context.fault(
          text.at, in_quotes(words) + ": expected a port, such as \"tcp/5432\" or \"53\"");
    }
    for (const Port port : *ports) into.egress.always.push_back({*range, port});
  });
}

void read_never(Reading& reading, const toml::node& node, EgressTable& into) {
  into.egress.never.clear();
  reading.each(node, [&](const Text& text) {
    if (text.value == "metadata") return append_metadata(into.egress.never);
    if (text.value == "private") {
      into.egress.never_private = true;
      return;
    }
    const auto range = parse_range(text.value);
    if (!range) {
      return reading.context.fault(text.at,
                                   range.error().message + ", or \"metadata\" or \"private\"");
    }
    into.egress.never.push_back(*range);
  });
}

template <auto Member>
void read_flag(Reading& reading, const toml::node& node, EgressTable& into) {
  const auto text = reading.scalar(node);
  if (!text) return;
  const auto flag = parse_flag(text->value);
  if (!flag) return reading.fault(node, flag.error().message);
  into.egress.*Member = *flag;
}

void read_grace(Reading& reading, const toml::node& node, EgressTable& into) {
  const auto text = reading.scalar(node);
  if (!text) return;
  const auto time = parse_ttl(text->value);
  if (!time) return reading.fault(node, time.error().message);
  if (*time < Seconds(1)) return reading.fault(node, "expected a second or more");
  into.egress.grace = *time;
}

void read_fail(Reading& reading, const toml::node& node, EgressTable& into) {
  const auto text = reading.scalar(node);
  if (!text) return;
  into.stays_closed = text->value == "closed";
  if (text->value == "closed" || text->value == "open") return;
  reading.fault(node, in_quotes(text->value) + ": expected \"open\" or \"closed\"");
}

/// `tls:443`, `http:80`.
std::optional<policy::CheckedPort> parse_check(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  const std::string_view where = text.substr(0, colon);
  if (!port || (where != "tls" && where != "http")) return std::nullopt;
  return policy::CheckedPort{where == "tls" ? policy::NameIn::kTls : policy::NameIn::kHttp, *port};
}

void read_checks(Reading& reading, const toml::node& node, EgressTable& into) {
  std::vector<policy::CheckedPort>& checks = into.checks.emplace();
  reading.each(node, [&](const Text& text) {
    const auto check = parse_check(text.value);
    if (!check) {
      return reading.context.fault(
          text.at, in_quotes(text.value) + ": expected \"tls:PORT\" or \"http:PORT\"");
    }
    if (std::ranges::count(kDnsPorts, check->port) != 0) {
      return reading.context.fault(text.at,
                                   in_quotes(text.value) + ": that port is closed in any case");
    }
    if (std::ranges::count(checks, check->port, &policy::CheckedPort::port) != 0) {
      return reading.context.fault(text.at, in_quotes(text.value) + ": the port is there already");
    }
    if (checks.size() == policy::kMostCheckedPorts) {
      return reading.context.fault(
          text.at, fmt::format("at most {} ports can be checked", policy::kMostCheckedPorts));
    }
    checks.push_back(*check);
  });
}

/// One of two words.
template <auto Member, auto First, auto Second>
void read_choice(Reading& reading, const toml::node& node, EgressTable& into,
                 std::string_view first, std::string_view second) {
  const auto text = reading.scalar(node);
  if (!text) return;
  into.egress.checks.*Member = text->value == first ? First : Second;
  if (text->value == first || text->value == second) return;
  reading.fault(
      node, fmt::format("{}: expected \"{}\" or \"{}\"", in_quotes(text->value), first, second));
}

void read_ech(Reading& reading, const toml::node& node, EgressTable& into) {
  read_choice<&policy::ConnectionChecks::encrypted_hello, policy::EncryptedHello::kOuterName,
              policy::EncryptedHello::kRefuse>(reading, node, into, "outer", "refuse");
}

void read_quic(Reading& reading, const toml::node& node, EgressTable& into) {
  read_choice<&policy::ConnectionChecks::quic, policy::Quic::kPass, policy::Quic::kRefuse>(
      reading, node, into, "pass", "refuse");
}

void read_unnamed(Reading& reading, const toml::node& node, EgressTable& into) {
  read_choice<&policy::ConnectionChecks::unnamed, policy::Unnamed::kByAddress,
              policy::Unnamed::kDeny>(reading, node, into, "address", "deny");
}

void read_on_change(Reading& reading, const toml::node& node, EgressTable& into) {
  read_choice<&policy::ConnectionChecks::closes_on_change, false, true>(reading, node, into, "keep",
                                                                        "close");
}

void read_dial(Reading& reading, const toml::node& node, EgressTable& into) {
  read_choice<&policy::ConnectionChecks::dial, policy::DialFrom::kHost,
              policy::DialFrom::kNamespace>(reading, node, into, "host", "namespace");
}

constexpr std::array<Field<EgressTable>, 16> kEgress{{
    {"mode", "word", "\"enforce\"",
     "`enforce` refuses traffic to addresses that no allowed name resolved to, `audit` only "
     "reports it, `off` means no firewall.",
     read_mode},
    {"ports", "list of ports", "[]",
     "Ports that are open at the addresses of allowed names: `tcp/443`, or `443` for TCP and UDP; "
     "an empty list opens all. A rule may set its own: `github.com:22,443`.",
     read_ports},
    {"always", "list of ranges", "[]",
     "Ranges that are open without a name: `10.0.0.0/8`, `192.0.2.7 tcp/5432`. Wins over `never`.",
     read_always},
    {"never", "list of ranges", "[\"metadata\"]",
     "Ranges that stay closed even if an allowed name resolves to them, and are removed from "
     "answers. `metadata` is the metadata services of clouds. `private` is every range that IANA's "
     "registries list as not globally reachable ([the table](egress.md#what-is-private)), but not "
     "the containers of its own networks.",
     read_never},
    {"grace", "time", "\"60s\"", "How long an address stays open after its TTL.", read_grace},
    {"max-ttl", "time", "\"1h\"", "Upper limit for TTLs in answers.",
     read_value<&EgressTable::most_ttl, parse_ttl>},
    {"networks", "flag", "false",
     "Opens the networks that the namespace is connected to, except IPv6 networks from router "
     "advertisements. Containers that were resolved by name are open anyway.",
     read_flag<&policy::Egress::networks>},
    {"strip-hints", "flag", "false", "Removes the address hints from SVCB and HTTPS records.",
     read_flag<&policy::Egress::strip_hints>},
    {"strip-ech", "flag", "false",
     "Removes the ECH keys from SVCB and HTTPS records, so that the name in a TLS handshake stays "
     "readable.",
     read_flag<&policy::Egress::strip_ech>},
    {"fail", "word", "\"closed\"",
     "After a normal stop: `open` removes the firewall, `closed` leaves it and the DNS gate in "
     "place until the next nxgate takes over or `nxgate detach` removes them; `open` is the "
     "default in an audit. After a crash both stay.",
     read_fail},
    {"check-names", "list of ports", "[\"tls:443\", \"http:80\"]",
     "TCP ports where a connection passes only if the name it gives (in the TLS handshake, or as "
     "the Host of each HTTP request) is allowed and the address was told for that name; `[]` "
     "checks none. Not in an audit.",
     read_checks},
    {"ech", "word", "\"outer\"",
     "TLS with Encrypted Client Hello: `outer` checks the name that can be read and removes ECH "
     "keys from answers, `refuse` refuses the connection, also of browsers that only pretend to "
     "use it (GREASE).",
     read_ech},
    {"quic", "word", "\"refuse\"",
     "UDP to the ports of `tls`: `refuse` has clients use TCP, `pass` lets it pass by its address "
     "alone.",
     read_quic},
    {"unnamed", "word", "\"deny\"",
     "A connection without a name, or with an address as its name: `deny` it, or let it pass by "
     "its `address` alone. Ranges of `always` need no name.",
     read_unnamed},
    {"on-policy-change", "word", "\"close\"",
     "Connections whose name is no longer allowed after a change: `close` or `keep`.",
     read_on_change},
    {"dial", "word", "\"namespace\"",
     "From where nxgate connects for a client whose name it has checked: its `namespace`, or the "
     "`host`, so that a container on an internal network reaches the names that are allowed.",
     read_dial},
}};

/// Of an empty table.
EgressTable without_keys() {
  EgressTable table;
  append_metadata(table.egress.never);
  return table;
}

policy::Egress completed(EgressTable read) {
  read.egress.stays_closed =
      read.stays_closed.value_or(read.egress.mode == policy::EgressMode::kEnforce);
  const bool enforces = read.egress.mode == policy::EgressMode::kEnforce;
  policy::ConnectionChecks& checks = read.egress.checks;
  if (enforces) checks.ports = read.checks.value_or(policy::usual_checks());
  // Whoever has the keys can hide the name.
  if (checks.has_tls()) read.egress.strip_ech = true;
  read.egress.most_ttl =
      static_cast<std::uint32_t>(std::chrono::duration_cast<Seconds>(read.most_ttl).count());
  return std::move(read.egress);
}

}  // namespace

std::span<const Field<EgressTable>> egress_fields() { return kEgress; }

policy::Egress usual_egress() { return completed(without_keys()); }

std::optional<policy::Egress> read_egress_table(Reading& reading, const toml::table& table) {
  EgressTable read = without_keys();
  read_table<EgressTable>(reading, table, kEgress, read);
  if (read.off) return std::nullopt;
  return completed(std::move(read));
}

}  // namespace nxgate::config
