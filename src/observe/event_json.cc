#include "observe/event_json.h"

#include <chrono>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>
#include <fmt/core.h>

#include "engine/connection.h"
#include "engine/connection_event.h"
#include "engine/debug_log.h"
#include "engine/observer.h"
#include "engine/reason.h"
#include "wire/types.h"

namespace nxgate::observe {

namespace json = boost::json;
using engine::Event;

namespace {

/// As RFC 3339 has it, in UTC.
std::string time_text(std::chrono::system_clock::time_point at) {
  const auto micros = std::chrono::floor<std::chrono::microseconds>(at);
  return fmt::format("{:%Y-%m-%dT%H:%M:}{:%S}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(at)),
                     micros.time_since_epoch());
}

/// A client may say anything that isn't a name, which need not be UTF-8.
std::string said_name(std::string_view text) {
  std::string out;
  for (const char octet : text) {
    const bool plain = octet > ' ' && octet <= '~';
    out +=
        plain ? std::string(1, octet) : fmt::format("\\x{:02x}", static_cast<unsigned char>(octet));
  }
  return out;
}

json::object start(const Event& event, std::string_view client) {
  json::object line{
      {"time", time_text(event.at)},
      {"client", client.empty() ? event.client.address.to_string() : std::string(client)},
      {"port", event.client.port},
  };
  return line;
}

std::string connection_to_json(const Event& event, std::string_view client) {
  const engine::ConnectionEvent& connection = *event.connection;
  json::object line = start(event, client);
  line["event"] = "connection";
  line["what"] = to_string(connection.kind);
  line["number"] = connection.number;
  line["server"] = connection.to.to_string();
  line["verdict"] = to_string(connection.verdict);
  if (!connection.name.empty()) line["name"] = said_name(connection.name);
  if (!connection.rule.empty()) line["rule"] = connection.rule;
  if (!connection.why.empty()) line["why"] = connection.why;
  if (connection.encrypted_hello) line["encrypted_hello"] = true;
  if (!connection.policy.empty()) line["policy"] = connection.policy;
  if (client.empty() && !connection.place.empty()) line["container"] = connection.place;
  if (connection.kind == engine::ConnectionEvent::Kind::kEnded) {
    line["sent"] = connection.sent;
    line["received"] = connection.received;
    line["ms"] = connection.lasted.count();
  }
  return json::serialize(line);
}

std::string answer_to_json(const Event& event, std::string_view client) {
  const std::chrono::duration<double, std::milli> taken = event.taken;
  json::object line = start(event, client);
  line["transport"] = event.transport == engine::Transport::kTcp ? "tcp" : "udp";
  line["name"] = event.question.name.to_text();
  line["type"] = wire::to_string(event.question.type);
  line["verdict"] = to_string(engine::answer_class_of(event));
  line["rcode"] = event.answered ? wire::to_string(event.rcode) : "none";
  line["rule"] = rule_of(engine::reason_of(event));
  line["ms"] = taken.count();
  if (const auto* const policy = event.judgement.policy) {
    line["policy"] = policy->name;
    if (!policy->container.empty() && client.empty()) line["container"] = policy->container;
  }
  if (event.source == engine::Source::kFailure) {
    line["failure"] = engine::to_string(event.outcome, event.source, event.failure);
  }
  return json::serialize(line);
}

}  // namespace

std::string to_json(const Event& event, std::string_view client) {
  return event.connection ? connection_to_json(event, client) : answer_to_json(event, client);
}

}  // namespace nxgate::observe
