#include "observe/event_json.h"

#include <chrono>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>
#include <fmt/core.h>

#include "engine/debug_log.h"
#include "engine/observer.h"
#include "engine/reason.h"
#include "wire/types.h"

namespace nxgate::observe {

using engine::Event;

namespace {

/// As RFC 3339 has it, in UTC.
std::string time_text(std::chrono::system_clock::time_point at) {
  const auto micros = std::chrono::floor<std::chrono::microseconds>(at);
  return fmt::format("{:%Y-%m-%dT%H:%M:}{:%S}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(at)),
                     micros.time_since_epoch());
}

}  // namespace

std::string to_json(const Event& event, std::string_view client) {
  const std::chrono::duration<double, std::milli> taken = event.taken;
  boost::json::object line{
      {"time", time_text(event.at)},
      {"client", client.empty() ? event.client.address.to_string() : std::string(client)},
      {"port", event.client.port},
      {"transport", event.transport == engine::Transport::kTcp ? "tcp" : "udp"},
      {"name", event.question.name.to_text()},
      {"type", wire::to_string(event.question.type)},
      {"verdict", to_string(engine::answer_class_of(event))},
      {"rcode", event.answered ? wire::to_string(event.rcode) : "none"},
      {"rule", rule_of(engine::reason_of(event))},
      {"ms", taken.count()},
  };
  if (const auto* const policy = event.judgement.policy) {
    line["policy"] = policy->name;
    if (!policy->container.empty() && client.empty()) line["container"] = policy->container;
  }
  if (event.source == engine::Source::kFailure) {
    line["failure"] = engine::to_string(event.outcome, event.source, event.failure);
  }
  return boost::json::serialize(line);
}

}  // namespace nxgate::observe
