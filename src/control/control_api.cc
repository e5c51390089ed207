#include "control/control_api.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <unistd.h>

#include "attach/unattached.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/json.h"
#include "config/value.h"
#include "control/api_reply.h"
#include "control/metrics.h"
#include "control/watching.h"
#include "engine/snapshot.h"
#include "forward/health.h"
#include "http/control.h"
#include "observe/dnstap.h"
#include "observe/filter.h"
#include "store/explain.h"
#include "sys/privileges.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::control {

namespace asio = boost::asio;
namespace json = boost::json;
using http::Reply;
using http::Request;

namespace {

json::object describe_server(const engine::UpstreamServer& server, forward::ServerHealth& health) {
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
  return object;
}

json::object describe_dnstap(const observe::Dnstap& dnstap) {
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

json::array describe_unattached(const attach::Attachments& attachments) {
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

Reply not_attached(const std::string& client) {
  return refuse(404, fmt::format("client: {}: neither an address nor the name of an attached "
                                 "container; `nxgate attachments` lists them",
                                 quote(client)));
}

json::array describe_firewalls(const std::vector<firewall::HostFirewalls::View>& views) {
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

}  // namespace

ControlApi::ControlApi(const Running& running)
    : running_(running),
      rates_(running.loop, running.workers),
      ends_(running.loop),
      learner_(
          running.loop, running.policy_store, running.hub, running.reports, running.settings.state,
          [this] { rules_changed(); }, [this] { take_reports(); }) {
  learner_.resume();
}

const std::vector<ControlApi::Path>& ControlApi::paths() {
  static const std::vector<Path> kPaths{
      {"GET", "/v1/status", &ControlApi::status},
      {"GET", "/v1/health", &ControlApi::health},
      {"GET", "/v1/attachments", &ControlApi::attachments},
      {"GET", "/v1/explain", &ControlApi::explain},
      {"GET", "/v1/watch", &ControlApi::watch},
      {"GET", "/v1/rules", &ControlApi::rules},
      {"POST", "/v1/rules", &ControlApi::add_rule},
      {"DELETE", "/v1/rules", &ControlApi::remove_rule},
      {"POST", "/v1/reload", &ControlApi::reload},
      {"POST", "/v1/flush", &ControlApi::flush},
      {"GET", "/v1/learn", &ControlApi::learning},
      {"POST", "/v1/learn", &ControlApi::learn},
      {"GET", "/v1/learn/proposal", &ControlApi::proposal},
      {"GET", "/metrics", &ControlApi::metrics},
  };
  return kPaths;
}

asio::awaitable<Reply> ControlApi::handle(const Request& request) {
  bool known = false;
  for (const Path& each : paths()) {
    if (request.path != each.path) continue;
    known = true;
    const bool head = request.method == "HEAD" && std::string_view(each.method) == "GET";
    if (request.method != each.method && !head) continue;
    if (const Handler* const handler = std::get_if<Handler>(&each.handler)) {
      co_return (this->**handler)(request);
    }
    co_return co_await (this->*std::get<SlowHandler>(each.handler))(request);
  }
  co_return known ? refuse(405, "method not allowed")
                  : refuse(404, quote(request.path) + ": no such path");
}

Reply ControlApi::status(const Request&) {
  const auto snapshot = running_.policy_store.snapshots().load();
  json::array listeners;
  for (const serve::Listener& each : running_.listeners) {
    json::object listener{{"address", each.at.to_string()}};
    if (!each.policy.empty()) listener["policy"] = each.policy;
    listeners.push_back(std::move(listener));
  }
  json::array policies;
  for (const auto& policy : snapshot->policies.all()) {
    json::object object{{"name", policy->name}, {"rules", policy->rules}};
    if (const Learnt* const learnt = learner_.active(policy->name)) {
      const auto since = std::chrono::system_clock::from_time_t(learnt->since);
      object["learning"] = {{"since", time_text(since)}, {"denies", learnt->denies}};
    }
    policies.push_back(std::move(object));
  }
  json::array upstreams;
  for (const engine::UpstreamGroup& group : snapshot->groups) {
    const auto health = running_.shared.forwarding.health.of(group);
    json::array servers;
    for (std::size_t i = 0; i < group.servers.size(); ++i) {
      servers.push_back(describe_server(group.servers[i], health->server(i)));
    }
    json::object object{{"name", group.name}, {"servers", std::move(servers)}};
    if (!group.netns.empty()) object["netns"] = group.netns;
    upstreams.push_back(std::move(object));
  }
  json::object totals;
  for (std::size_t i = 0; i < telemetry::kCounterCount; ++i) {
    std::string name(telemetry::kCounterNames[i]);
    std::ranges::replace(name, ' ', '_');
    totals[name] = running_.workers.total(static_cast<telemetry::Counter>(i));
  }
  const workers::Rates::PerSecond rates = rates_.per_second();
  const std::chrono::duration<double> up = std::chrono::system_clock::now() - started_;
  json::object status{
      {"version", NXGATE_VERSION},
      {"pid", ::getpid()},
      {"uptime_seconds", up.count()},
      {"user", {{"id", ::geteuid()}, {"shared", sys::is_shared(std::to_string(::geteuid()))}}},
      {"generation", running_.policy_store.generation()},
      {"workers", running_.workers.size()},
      {"listeners", std::move(listeners)},
      {"policies", std::move(policies)},
      {"attachments", attachments_ == nullptr ? 0 : attachments_->view().size()},
      {"upstreams", std::move(upstreams)},
      {"cache",
       {{"entries", running_.shared.cache.size()},
        {"bytes", running_.shared.cache.bytes()},
        {"most_bytes", running_.shared.cache.limits().bytes}}},
      {"rates",
       {{"queries", rates.queries},
        {"denied", rates.denied},
        {"forwarded", rates.forwarded},
        {"failed", rates.failed}}},
      {"totals", std::move(totals)},
      {"amendments", running_.policy_store.runtime_rules().all().size()},
  };
  if (auto firewalls = describe_firewalls(running_.firewalls.view()); !firewalls.empty()) {
    status["client_firewalls"] = std::move(firewalls);
  }
  if (json::array faults = describe(standing_faults()); !faults.empty()) {
    status["faults"] = std::move(faults);
  }
  if (attachments_ != nullptr) status["unattached"] = describe_unattached(*attachments_);
  if (const auto& dnstap = running_.logs.dnstap) status["dnstap"] = describe_dnstap(*dnstap);
  return reply_with(std::move(status));
}

/// An answer shows that the main thread is alive; workers are checked by DNS. Missing attachments
/// are a failure.
Reply ControlApi::health(const Request&) {
  const std::string error = attachments_ == nullptr ? std::string()
                                                    : attach::shortfall(attachments_->view().size(),
                                                                        attachments_->unattached());
  json::object health{{"status", error.empty() ? "ok" : "failing"}};
  if (json::array faults = describe(standing_faults()); !faults.empty()) {
    health["faults"] = std::move(faults);
  }
  if (error.empty()) return reply_with(health);
  health["error"] = error;
  health["unattached"] = describe_unattached(*attachments_);
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
  std::ranges::copy(running_.left_closed, std::back_inserter(standing));
  if (attachments_ != nullptr) {
    std::ranges::move(attachments_->standing_faults(), std::back_inserter(standing));
  }
  return standing;
}

std::optional<attach::Attachments::View> ControlApi::attached(const std::string& name) const {
  if (attachments_ == nullptr) return std::nullopt;
  auto views = attachments_->view();
  const auto found = std::ranges::find(views, name, &attach::Attachments::View::label);
  if (found == views.end()) return std::nullopt;
  return std::move(*found);
}

bool ControlApi::knows(const std::string& policy) const {
  return running_.policy_store.snapshots().load()->policies.find(policy) != nullptr;
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
  if (attachments_ != nullptr) answer["unattached"] = describe_unattached(*attachments_);
  return reply_with(answer);
}

Reply ControlApi::explain(const Request& request) {
  const auto name = config::parse_domain(parameter(request, "name"));
  if (!name) return refuse(400, "name: " + name.error().message);
  const std::string type_text = parameter(request, "type", "A");
  const auto type = wire::parse_type(type_text);
  if (!type) {
    return refuse(400,
                  fmt::format("type: {}: expected a record type, such as AAAA", quote(type_text)));
  }
  const std::string who = parameter(request, "client", "127.0.0.1");
  std::string key;
  auto client = config::parse_address(who);
  if (!client) {
    const auto view = attached(who);
    if (!view) return not_attached(who);
    key = view->key;
    client = config::parse_address("127.0.0.1");
  }
  const auto snapshot = running_.policy_store.snapshots().load();
  const wire::Question question{*name, *type, wire::Class::kIn};
  json::object object;
  for (auto& [what, value] : store::explain(*snapshot, question, *client, key))
    object[what] = value;
  if (!key.empty()) object["client"] = who;
  return reply_with(std::move(object));
}

Reply ControlApi::watch(const Request& request) {
  observe::Selection selection;
  selection.denied = parameter(request, "denied") == "true";
  selection.policy = parameter(request, "policy");
  if (!selection.policy.empty() && !knows(selection.policy))
    return no_such_policy(selection.policy);
  if (const std::string client = parameter(request, "client"); !client.empty()) {
    observe::select_client(selection, client);
    if (!selection.container.empty() && !attached(client)) return not_attached(client);
  }
  if (const std::string text = parameter(request, "name"); !text.empty()) {
    const auto name = config::parse_domain(text);
    if (!name) return refuse(400, "name: " + name.error().message);
    selection.name = *name;
  }
  return {.type = "application/x-ndjson",
          .feed = std::make_unique<WatchFeed>(
              running_.hub.open(observe::filter_of(std::move(selection))))};
}

/// Reloads and waits for it.
asio::awaitable<bool> ControlApi::reloaded() {
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(
      [this](auto handler) {
        auto resume = std::make_shared<decltype(handler)>(std::move(handler));
        running_.operations.reload([resume](bool taken) { std::move (*resume)(taken); });
      },
      asio::use_awaitable);
}

Reply ControlApi::refused_reload(std::string_view what) const {
  Reply reply =
      reply_with(json::object{{"error", fmt::format("{}; still serving generation {}", what,
                                                    running_.policy_store.generation())},
                              {"faults", to_json(running_.policy_store.faults())}});
  reply.status = 409;
  return reply;
}

asio::awaitable<Reply> ControlApi::reload(const Request&) {
  if (!co_await reloaded()) co_return refused_reload("the reload is refused");
  std::vector<std::string> failed = running_.firewalls.failed_firewalls();
  if (attachments_ != nullptr) {
    std::ranges::move(attachments_->failed_firewalls(), std::back_inserter(failed));
  }
  const std::uint32_t generation = running_.policy_store.generation();
  if (failed.empty()) co_return reply_with(json::object{{"generation", generation}});
  Reply reply = reply_with(
      json::object{{"error", fmt::format("generation {} is in force, but some firewalls could not "
                                         "be updated; nxgate retries every second",
                                         generation)},
                   {"firewalls", json::array(failed.begin(), failed.end())}});
  reply.status = 503;
  co_return reply;
}

Reply ControlApi::flush(const Request& request) {
  const auto name = config::parse_domain(parameter(request, "name", "."));
  if (!name) return refuse(400, "name: " + name.error().message);
  running_.shared.forwarding.failures.clear();
  return reply_with(json::object{{"flushed", running_.shared.cache.flush(*name)}});
}

Reply ControlApi::metrics(const Request& request) {
  const bool open = request.accept.find("application/openmetrics-text") != std::string::npos;
  return {.type = open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                       : "text/plain; version=0.0.4; charset=utf-8",
          .body = exposition(running_, learner_, standing_faults(), attachments_,
                             open ? Exposition::kOpenMetrics : Exposition::kPrometheus)};
}

asio::awaitable<Reply> MetricsPage::handle(const Request& request) {
  if (request.path != "/metrics") co_return refuse(404, "only /metrics is served here");
  co_return co_await api_.handle(request);
}

}  // namespace nxgate::control
