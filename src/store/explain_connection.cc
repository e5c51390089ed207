#include "store/explain_connection.h"

#include <algorithm>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "config/value.h"
#include "engine/connection.h"
#include "engine/decision.h"
#include "engine/reason.h"
#include "policy/connection_checks.h"
#include "policy/egress.h"
#include "policy/policy.h"

namespace nxgate::store {
namespace {

using engine::ConnectionDecision;
using engine::ConnectionVerdict;
using Address = ConnectionFacts::Address;

constexpr std::string_view kAllowed = "allowed";

std::string in_words(const ConnectionDecision& decision) {
  if (decision.allowed()) return std::string(kAllowed);
  return fmt::format("denied: {}", engine::in_words(decision.verdict));
}

/// At each address that the name has opened at that port, the one that stays longest first.
std::vector<Address> addresses_of(const policy::Policy& policy, const PlannedConnection& to,
                                  std::span<const ClientKey> clients, Instant now) {
  std::vector<Address> all;
  const Port port{IPPROTO_TCP, to.port};
  for (const auto& each : policy.sets->look(to.name->to_text(), now).open) {
    if (each.port != port && each.port != Port()) continue;
    const auto decision =
        engine::judge_connection(&policy, {&*to.name, {each.address, to.port}, clients}, now);
    all.push_back({each.address, each.left, in_words(decision)});
  }
  std::ranges::sort(all, std::ranges::greater(), &Address::left);
  std::vector<Address> once;
  for (Address& each : all) {
    if (std::ranges::find(once, each.address, &Address::address) == once.end()) {
      once.push_back(std::move(each));
    }
  }
  return once;
}

std::string_view check_of(std::optional<policy::NameIn> check) {
  if (!check) return "none at this port";
  switch (*check) {
    case policy::NameIn::kTls:
      return "the name in TLS";
    case policy::NameIn::kHttp:
      return "the host of each HTTP request";
    case policy::NameIn::kNowhere:
      return "the address";
  }
  return "";
}

void add_rule(const engine::Judgement& judgement, Facts& facts) {
  facts.emplace_back("rule",
                     in_full(reason_of(judgement, judgement.allowed() ? engine::Outcome::kForward
                                                                      : engine::Outcome::kDeny)));
}

void add_help(const ConnectionDecision& decision, Facts& facts) {
  if (const auto help = what_helps(decision.verdict); !help.empty()) {
    facts.emplace_back("help", help);
  }
}

/// Where only the name and the port are known.
ConnectionFacts at_any_address(const policy::Policy& policy, const PlannedConnection& to,
                               std::span<const ClientKey> clients, Instant now, Facts facts) {
  const ConnectionDecision decision = engine::judge_name(&policy, *to.name, to.port, now);
  add_rule(decision.judgement, facts);
  if (!decision.allowed()) {
    facts.emplace_back("verdict", in_words(decision));
    add_help(decision, facts);
    return {std::move(facts), {}};
  }
  if (clients.empty()) {
    facts.emplace_back("verdict", "allowed at each address that the client is told for this name");
    return {std::move(facts), {}};
  }
  auto addresses = addresses_of(policy, to, clients, now);
  const bool passes = std::ranges::find(addresses, kAllowed, &Address::verdict) != addresses.end();
  facts.emplace_back("verdict", passes ? "allowed at an address that the client was told"
                                       : "denied until the client has asked nxgate for this name, "
                                         "unless `always` covers the address");
  return {std::move(facts), std::move(addresses)};
}

ConnectionFacts at_its_address(const policy::Policy& policy, const PlannedConnection& to,
                               std::span<const ClientKey> clients, Instant now, Facts facts) {
  const ConnectionDecision decision = engine::judge_connection(
      &policy, {to.name ? &*to.name : nullptr, {*to.address, to.port}, clients}, now);
  if (to.name) add_rule(decision.judgement, facts);
  facts.emplace_back("verdict", in_words(decision));
  add_help(decision, facts);
  return {std::move(facts), {}};
}

}  // namespace

Result<PlannedConnection> parse_connection(std::string_view said, std::string_view address) {
  PlannedConnection to{.said = std::string(said)};
  if (!address.empty()) {
    const auto parsed = config::parse_address(address);
    if (!parsed) return fail("address: " + parsed.error().message);
    to.address = *parsed;
  }
  if (const auto endpoint = Endpoint::parse(said, to.port)) {
    to.port = endpoint->port;
    to.said = endpoint->address.to_string();
    if (!to.address) to.address = endpoint->address;
    return to;
  }
  if (const auto colon = said.rfind(':'); colon != std::string_view::npos) {
    const auto port = parse_port(said.substr(colon + 1));
    if (!port) return fail(fmt::format("connect: {}: expected NAME or NAME:PORT", quote(said)));
    to.port = *port;
    said = said.substr(0, colon);
  }
  const auto name = config::parse_domain(said);
  if (!name) return fail("connect: " + name.error().message);
  to.name = *name;
  to.said = name->to_text();
  return to;
}

ConnectionFacts explain_connection(const policy::Policy* policy, const PlannedConnection& to,
                                   const std::string& client, std::span<const ClientKey> clients,
                                   Instant now) {
  Facts facts{{"name", to.name ? to.said : to.said + ", which is no name"},
              {"port", std::to_string(to.port)},
              {"client", client},
              {"policy", policy == nullptr ? "none" : policy->name}};
  if (to.address) facts.emplace_back("address", to.address->to_string());
  if (policy == nullptr) {
    facts.emplace_back("verdict", "denied: no policy covers this client");
    return {std::move(facts), {}};
  }
  if (!policy->egress || (!clients.empty() && !policy->sets)) {
    facts.emplace_back("verdict", "nothing is checked: there is no firewall for this client");
    return {std::move(facts), {}};
  }
  const auto check = policy->egress->checks.at(to.port);
  facts.emplace_back("check", check_of(check));
  if (!check) {
    facts.emplace_back("verdict", "the firewall decides by the address and the port alone");
    return {std::move(facts), {}};
  }
  return to.address ? at_its_address(*policy, to, clients, now, std::move(facts))
                    : at_any_address(*policy, to, clients, now, std::move(facts));
}

}  // namespace nxgate::store
