// How a question is answered, and what became of it: the part of the API that explains.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/core.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "config/value.h"
#include "control/api_reply.h"
#include "control/control_api.h"
#include "engine/decision.h"
#include "engine/failure.h"
#include "engine/snapshot.h"
#include "forward/last_exchanges.h"
#include "http/control.h"
#include "policy/egress.h"
#include "policy/policy.h"
#include "store/explain.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::control {

namespace json = boost::json;
using http::Reply;
using http::Request;

namespace {

double seconds(Instant::duration time) { return std::chrono::duration<double>(time).count(); }

json::object describe(const forward::LastExchange& last, Instant now) {
  json::object object{
      {"server", last.server.endpoint.to_string()},
      {"transport", last.server.protocol == engine::UpstreamProtocol::kTcp ? "tcp" : "udp"},
      {"seconds_ago", seconds(now - last.at)}};
  if (last.said) {
    object["rcode"] = to_string(last.said->rcode);
    if (const auto code = last.said->extended_error) {
      object["extended_error"] = *code;
      const auto name = wire::name_of_extended_error(*code);
      if (!name.empty()) object["extended_error_name"] = name;
    }
  }
  if (last.failure != engine::UpstreamFailure::kNone) {
    object["failure"] = engine::words_of(last.failure).text;
  }
  return object;
}

json::object describe(const policy::EgressView& view, policy::EgressMode mode) {
  json::array open;
  for (const policy::EgressView::Opening& each : view.open) {
    open.push_back({{"address", each.address.to_string()},
                    {"port", each.port.to_string()},
                    {"name", each.name},
                    {"seconds_left", seconds(each.left)}});
  }
  json::array refused;
  for (const policy::EgressView::Refusal& each : view.refused) {
    refused.push_back(
        {{"address", each.address.to_string()},
         {"port", each.port.number == 0 ? fmt::format("protocol {}", each.port.protocol)
                                        : each.port.to_string()},
         {"packets", each.packets}});
  }
  return {{"mode", mode == policy::EgressMode::kAudit ? "audit" : "enforce"},
          {"open", std::move(open)},
          {"refused", std::move(refused)}};
}

/// What the client's firewall knows of a name or an address; nothing if there is none.
template <class What>
void add_firewall(const policy::Policy* policy, const What& what, json::object& object) {
  if (policy == nullptr || !policy->sets || !policy->egress) return;
  object["firewall"] = describe(policy->sets->look(what, Clock::now()), policy->egress->mode);
}

}  // namespace

std::optional<ControlApi::Client> ControlApi::find_client(const std::string& who) const {
  if (const auto address = config::parse_address(who)) return Client{*address, {}};
  const auto view = attached(who);
  if (!view) return std::nullopt;
  return Client{*config::parse_address("127.0.0.1"), view->key};
}

Reply ControlApi::explain(const Request& request) {
  const std::string text = parameter(request, "name");
  const std::string who = parameter(request, "client", "127.0.0.1");
  const auto client = find_client(who);
  const auto address = IpAddress::parse(text);
  if (address && client) return explain_address(*address, *client, who);
  const auto name = config::parse_domain(text);
  if (!name) return refuse(400, "name: " + name.error().message);
  const std::string type_text = parameter(request, "type", "A");
  const auto type = wire::parse_type(type_text);
  if (!type) {
    return refuse(400,
                  fmt::format("type: {}: expected a record type, such as AAAA", quote(type_text)));
  }
  if (!client) return not_attached(who);
  take_reports();
  const auto snapshot = running_.policy_store.snapshots().load();
  const wire::Question question{*name, *type, wire::Class::kIn};
  const Instant now = Clock::now();
  const auto decision = engine::decide(*snapshot, question, client->address, client->key, now);
  json::object object;
  for (auto& [what, value] : store::explain(*snapshot, decision, question, client->address)) {
    object[what] = value;
  }
  if (!client->key.empty()) object["client"] = who;
  if (decision.outcome == engine::Outcome::kForward) {
    const wire::Question asked{decision.asked, question.type, question.qclass};
    const std::uint32_t group = snapshot->groups[decision.upstream].identity;
    if (const auto last = running_.shared.forwarding.last_exchanges.find(asked, group)) {
      object["last_exchange"] = describe(*last, now);
    }
  }
  add_firewall(decision.policy, name->to_text(), object);
  return reply_with(object);
}

/// An address has no verdict: whether it is open depends on the names that led to it.
Reply ControlApi::explain_address(const IpAddress& address, const Client& client,
                                  const std::string& who) {
  take_reports();
  const auto snapshot = running_.policy_store.snapshots().load();
  const wire::Question question{{}, wire::Type::kA, wire::Class::kIn};
  const auto decision =
      engine::decide(*snapshot, question, client.address, client.key, Clock::now());
  json::object object{{"name", address.to_string()},
                      {"client", who},
                      {"policy", decision.policy == nullptr ? "none" : decision.policy->name}};
  add_firewall(decision.policy, address, object);
  object["verdict"] = object.contains("firewall")
                          ? "an address: the firewall decides"
                          : "an address: no firewall of nxgate's is in the way";
  return reply_with(object);
}

}  // namespace nxgate::control
