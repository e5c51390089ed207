#include "control/control_api.h"

#include <algorithm>
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
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/escape.h"
#include "base/json.h"
#include "config/value.h"
#include "control/api_reply.h"
#include "control/metrics.h"
#include "control/watching.h"
#include "engine/snapshot.h"
#include "http/control.h"
#include "observe/filter.h"

namespace nxgate::control {

namespace asio = boost::asio;
namespace json = boost::json;
using http::Reply;
using http::Request;

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
      {"GET", "/v1/explain/connection", &ControlApi::explain_connection},
      {"GET", "/v1/connections", &ControlApi::connections},
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
