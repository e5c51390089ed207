#include "observe/event_json.h"

#include <chrono>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>
#include <fmt/core.h>

#include "engine/excess.h"
#include "engine/observer.h"
#include "engine/query_log.h"
#include "policy/matcher.h"
#include "policy/rule.h"
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

std::string_view verdict_of(const Event& event) noexcept {
  return to_string(engine::verdict_of(event.decision, event.source));
}

std::string rule_of(const engine::Decision& decision) {
  if (decision.policy == nullptr) return "no policy";
  if (decision.excess != engine::Excess::kNone) {
    return fmt::format("exfiltration.{}", engine::to_string(decision.excess));
  }
  if (decision.granted) return "granted";
  if (decision.narrowed) return "narrowed";
  if (decision.match.by_rule()) {
    const policy::Rule rule = decision.policy->matcher->rule(decision.match);
    return policy::to_string(rule.scope, rule.name);
  }
  if (decision.match.verdict == policy::Verdict::kLocal) return "local data";
  if (decision.match.verdict == policy::Verdict::kAncestor) return "ancestor";
  return "default";
}

std::string to_json(const Event& event, std::string_view client) {
  const std::chrono::duration<double, std::milli> taken = event.taken;
  boost::json::object line{
      {"time", time_text(event.at)},
      {"client", client.empty() ? event.client.address.to_string() : std::string(client)},
      {"port", event.client.port},
      {"transport", event.transport == engine::Transport::kTcp ? "tcp" : "udp"},
      {"name", event.question.name.to_text()},
      {"type", wire::to_string(event.question.type)},
      {"verdict", verdict_of(event)},
      {"rcode", event.answered ? wire::to_string(event.rcode) : "none"},
      {"rule", rule_of(event.decision)},
      {"ms", taken.count()},
  };
  if (const auto* const policy = event.decision.policy) {
    line["policy"] = policy->name;
    if (!policy->container.empty() && client.empty()) line["container"] = policy->container;
  }
  if (event.source == engine::Source::kFailure) {
    line["failure"] = engine::to_string(event.decision, event.source, event.failure);
  }
  return boost::json::serialize(line);
}

}  // namespace nxgate::observe
