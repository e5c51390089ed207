// What a running server is doing: the part of the API that only shows.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/core.h>
#include <unistd.h>

#include "attach/attachments.h"
#include "attach/unattached.h"
#include "base/clock.h"
#include "control/api_reply.h"
#include "control/control_api.h"
#include "control/learner.h"
#include "engine/snapshot.h"
#include "firewall/host_firewalls.h"
#include "forward/health.h"
#include "http/control.h"
#include "observe/dnstap.h"
#include "policy/policy.h"
#include "relay/relay.h"
#include "serve/worker_context.h"
#include "store/saved_rules.h"
#include "store/standing_fault.h"
#include "sys/privileges.h"
#include "telemetry/connection_counters.h"
#include "telemetry/counters.h"
#include "workers/rates.h"
#include "workers/workers.h"

namespace nxgate::control {

namespace json = boost::json;
using http::Reply;
using http::Request;

namespace {

json::object describe(const engine::UpstreamServer& server, forward::ServerHealth& health) {
  const Instant now = Clock::now();
  json::object object{
      {"address", server.endpoint.to_string()},
      {"transport", server.protocol == engine::UpstreamProtocol::kTcp ? "tcp" : "udp"},
      {"state", health.down(now)                  ? "down"
                : health.replied_since(Instant{}) ? "up"
                                                  : "not asked yet"},
  };
  if (const auto rtt = health.smoothed_rtt(); rtt.count() != 0) {
    object["rtt_ms"] = std::chrono::duration<double, std::milli>(rtt).count();
  }
  json::array quirks;
  if (!health.quirks.takes_edns(now)) quirks.push_back("no EDNS");
  if (!health.quirks.keeps_letters()) quirks.push_back("changes letters");
  if (!quirks.empty()) object["quirks"] = std::move(quirks);
  return object;
}

json::object describe(const observe::Dnstap& dnstap) {
  return {{"reader", dnstap.reader()},
          {"connected", dnstap.connected()},
          {"sent", dnstap.sent()},
          {"lost", dnstap.lost()}};
}

json::array describe(const std::vector<store::StandingFault>& faults) {
  json::array all;
  for (const store::StandingFault& each : faults) {
    all.push_back({{"source", each.source_name()}, {"text", each.text}});
  }
  return all;
}

json::array unattached_of(const attach::Attachments& attachments) {
  json::array all;
  for (const attach::Unattached& each : attachments.unattached()) {
    json::object object{{"name", each.label},
                        {"why", attach::word_of(each.why)},
                        {"reason", each.reason},
                        {"wanted", each.wanted}};
    if (!each.netns.empty()) object["netns"] = each.netns;
    all.push_back(std::move(object));
  }
  return all;
}

json::array describe(const std::vector<firewall::HostFirewalls::View>& views) {
  json::array all;
  for (const firewall::HostFirewalls::View& each : views) {
    all.push_back(
        json::object{{"policy", each.policy},
                     {"links", json::array(each.links.begin(), each.links.end())},
                     {"shared_links", json::array(each.shared.begin(), each.shared.end())}});
    if (!each.error.empty()) all.back().get_object()["error"] = each.error;
  }
  return all;
}

json::array describe(const std::vector<serve::Listener>& listeners) {
  json::array all;
  for (const serve::Listener& each : listeners) {
    json::object listener{{"address", each.at.to_string()}};
    if (!each.policy.empty()) listener["policy"] = each.policy;
    all.push_back(std::move(listener));
  }
  return all;
}

json::array describe(const policy::PolicySet& policies, const Learner& learner) {
  json::array all;
  for (const auto& policy : policies.all()) {
    json::object object{{"name", policy->name}, {"rules", policy->rules}};
    if (const Learnt* const learnt = learner.active(policy->name)) {
      const auto since = std::chrono::system_clock::from_time_t(learnt->since);
      object["learning"] = {{"since", time_text(since)}, {"denies", learnt->denies}};
    }
    all.push_back(std::move(object));
  }
  return all;
}

json::array describe(const std::vector<engine::UpstreamGroup>& groups,
                     forward::HealthTable& known) {
  json::array all;
  for (const engine::UpstreamGroup& group : groups) {
    const auto health = known.of(group);
    json::array servers;
    for (std::size_t i = 0; i < group.servers.size(); ++i) {
      servers.push_back(describe(group.servers[i], health->server(i)));
    }
    json::object object{{"name", group.name}, {"servers", std::move(servers)}};
    if (!group.netns.empty()) object["netns"] = group.netns;
    all.push_back(std::move(object));
  }
  return all;
}

json::object describe(const workers::Rates::PerSecond& rates) {
  return {{"queries", rates.queries},
          {"denied", rates.denied},
          {"forwarded", rates.forwarded},
          {"failed", rates.failed}};
}

json::object describe(const relay::Relay& relay, std::size_t slots) {
  json::object object{{"open", relay.open_connections()}};
  for (std::size_t i = 0; i < telemetry::kConnectionResultNames.size(); ++i) {
    std::uint64_t count = 0;
    for (std::size_t slot = 0; slot < slots; ++slot) {
      count += relay.results(static_cast<std::uint8_t>(slot),
                             static_cast<telemetry::ConnectionResult>(i));
    }
    object[telemetry::kConnectionResultNames[i]] = count;
  }
  object["turned_away"] = relay.turned_away();
  for (std::size_t i = 0; i < telemetry::kDirectionNames.size(); ++i) {
    object[telemetry::kDirectionNames[i]] = relay.octets(static_cast<telemetry::Direction>(i));
  }
  return object;
}

json::object totals_of(const workers::Workers& workers) {
  json::object totals;
  for (std::size_t i = 0; i < telemetry::kCounterCount; ++i) {
    std::string name(telemetry::kCounterNames[i]);
    std::ranges::replace(name, ' ', '_');
    totals[name] = workers.total(static_cast<telemetry::Counter>(i));
  }
  return totals;
}

}  // namespace

Reply ControlApi::status(const Request&) {
  const auto snapshot = running_.policy_store.snapshots().load();
  const std::chrono::duration<double> up = std::chrono::system_clock::now() - started_;
  const auto& cache = running_.shared.cache;
  json::object status{
      {"version", NXGATE_VERSION},
      {"pid", ::getpid()},
      {"uptime_seconds", up.count()},
      {"user", {{"id", ::geteuid()}, {"shared", sys::is_shared(std::to_string(::geteuid()))}}},
      {"generation", running_.policy_store.generation()},
      {"workers", running_.workers.size()},
      {"listeners", describe(running_.listeners)},
      {"policies", describe(snapshot->policies, learner_)},
      {"attachments", attachments_ == nullptr ? 0 : attachments_->view().size()},
      {"upstreams", describe(snapshot->groups, running_.shared.forwarding.health)},
      {"cache",
       {{"entries", cache.size()}, {"bytes", cache.bytes()}, {"most_bytes", cache.limits().bytes}}},
      {"connections", describe(running_.relay, running_.policy_store.registry().slots().size())},
      {"rates", describe(rates_.per_second())},
      {"totals", totals_of(running_.workers)},
      {"amendments", running_.policy_store.runtime_rules().all().size()},
  };
  if (auto firewalls = describe(running_.firewalls.view()); !firewalls.empty()) {
    status["client_firewalls"] = std::move(firewalls);
  }
  if (json::array faults = describe(standing_faults()); !faults.empty()) {
    status["faults"] = std::move(faults);
  }
  if (attachments_ != nullptr) status["unattached"] = unattached_of(*attachments_);
  if (const auto& dnstap = running_.logs.dnstap) status["dnstap"] = describe(*dnstap);
  return reply_with(status);
}

/// An answer shows that the main thread is alive; workers are checked by DNS. Missing attachments
/// are a failure, and so are persistent faults if the request is strict.
Reply ControlApi::health(const Request& request) {
  const bool strict = parameter(request, "strict") == "true";
  std::string error = attachments_ == nullptr ? std::string()
                                              : attach::shortfall(attachments_->view().size(),
                                                                  attachments_->unattached());
  const json::array faults = describe(standing_faults());
  if (strict && error.empty() && !faults.empty()) {
    error = fmt::format("{} persistent fault{}", faults.size(), faults.size() == 1 ? "" : "s");
  }
  json::object health{{"status", error.empty() ? "ok" : "failing"}};
  if (!faults.empty()) health["faults"] = faults;
  if (error.empty()) return reply_with(health);
  health["error"] = error;
  health["unattached"] = attachments_ == nullptr ? json::array() : unattached_of(*attachments_);
  Reply reply = reply_with(health);
  reply.status = 503;
  return reply;
}

std::vector<store::StandingFault> ControlApi::standing_faults() const {
  std::vector<store::StandingFault> standing = running_.policy_store.standing_faults();
  std::ranges::move(learner_.standing_faults(), std::back_inserter(standing));
  for (std::string& text : running_.firewalls.failed_firewalls()) {
    standing.push_back({store::FaultSource::kFirewall, std::move(text)});
  }
  std::ranges::move(running_.operations.standing_faults(), std::back_inserter(standing));
  if (auto fault = store::state_fault(running_.settings.state)) {
    standing.push_back({store::FaultSource::kState, *std::move(fault)});
  }
  std::ranges::copy(running_.left_closed, std::back_inserter(standing));
  if (attachments_ != nullptr) {
    std::ranges::move(attachments_->standing_faults(), std::back_inserter(standing));
  }
  return standing;
}

Reply ControlApi::attachments(const Request&) {
  json::array all;
  if (attachments_ != nullptr) {
    for (const attach::Attachments::View& each : attachments_->view()) {
      json::object object{{"name", each.label},
                          {"policy", each.policy},
                          {"netns", each.netns},
                          {"egress", each.has_firewall}};
      if (!each.firewall_error.empty()) object["egress_error"] = each.firewall_error;
      if (!each.narrowed.empty()) object["narrowed_to"] = each.narrowed;
      if (!each.others.empty())
        object["held_to"] = json::array(each.others.begin(), each.others.end());
      all.push_back(std::move(object));
    }
  }
  json::object answer{{"attachments", std::move(all)}};
  if (attachments_ != nullptr) answer["unattached"] = unattached_of(*attachments_);
  return reply_with(answer);
}

}  // namespace nxgate::control
