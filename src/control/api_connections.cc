// Connections whose names are checked: the part of the API that lists and explains them.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/client_key.h"
#include "base/clock.h"
#include "control/api_reply.h"
#include "control/control_api.h"
#include "engine/connection_event.h"
#include "engine/decision.h"
#include "engine/snapshot.h"
#include "http/control.h"
#include "relay/relay.h"
#include "store/explain_connection.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::control {

namespace asio = boost::asio;
namespace json = boost::json;
using engine::ConnectionEvent;
using http::Reply;
using http::Request;

namespace {

/// For the threads of the relay to tell what they have.
constexpr Seconds kToList{3};

/// What the relay has open, and its being there. Used by the main loop alone.
struct Listing {
  std::optional<std::vector<ConnectionEvent>> found;
  asio::steady_timer there;
};

json::object describe(const ConnectionEvent& open) {
  json::object object{{"number", open.number},
                      {"client", open.client.to_string()},
                      {"server", open.to.to_string()},
                      {"policy", open.policy},
                      {"seconds", std::chrono::duration<double>(open.lasted).count()},
                      {"sent", open.sent},
                      {"received", open.received}};
  if (!open.place.empty()) object["container"] = open.place;
  if (!open.name.empty()) object["name"] = open.name;
  if (!open.rule.empty()) object["rule"] = open.rule;
  return object;
}

}  // namespace

asio::awaitable<Reply> ControlApi::connections(const Request&) {
  const auto listing = std::make_shared<Listing>(std::nullopt, asio::steady_timer(running_.loop));
  listing->there.expires_after(kToList);
  running_.relay.list(
      [&loop = running_.loop, waiting = std::weak_ptr(listing)](std::vector<ConnectionEvent> open) {
        asio::post(loop, [waiting, open = std::move(open)]() mutable {
          const auto listed = waiting.lock();
          if (!listed) return;
          listed->found = std::move(open);
          listed->there.cancel();
        });
      });
  (void)co_await listing->there.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!listing->found) co_return refuse(503, "the threads that have the connections don't answer");
  std::ranges::sort(*listing->found, {}, &ConnectionEvent::number);
  json::array all;
  for (const ConnectionEvent& each : *listing->found) all.push_back(describe(each));
  co_return reply_with(json::object{{"connections", std::move(all)}});
}

Reply ControlApi::explain_connection(const Request& request) {
  const auto target =
      store::parse_connection(parameter(request, "connect"), parameter(request, "address"));
  if (!target) return refuse(400, target.error().message);
  const std::string who = parameter(request, "client", "127.0.0.1");
  const auto client = find_client(who);
  if (!client) return not_attached(who);
  take_reports();
  const auto snapshot = running_.policy_store.snapshots().load();
  const wire::Question any{{}, wire::Type::kA, wire::Class::kIn};
  const Instant now = Clock::now();
  const policy::Policy* const policy =
      engine::decide(*snapshot, any, client->address, client->key, now).policy;
  const std::array clients{
      client->key.empty() ? client_at(client->address) : client_behind(client->key),
      client_behind(policy == nullptr ? client->key : policy->name)};
  const store::ConnectionFacts found =
      store::explain_connection(policy, *target, who, clients, now);
  json::object object;
  for (const auto& [what, value] : found.facts) object[what] = value;
  json::array addresses;
  for (const store::ConnectionFacts::Address& each : found.addresses) {
    addresses.push_back({{"address", each.address.to_string()},
                         {"seconds_left", std::chrono::duration<double>(each.left).count()},
                         {"verdict", each.verdict}});
  }
  if (!addresses.empty()) object["addresses"] = std::move(addresses);
  return reply_with(object);
}

}  // namespace nxgate::control
