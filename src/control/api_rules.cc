// Rules of a running server: the part of the API that changes what is enforced.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <pwd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/log.h"
#include "config/value.h"
#include "control/api_reply.h"
#include "control/control_api.h"
#include "engine/decision.h"
#include "http/control.h"
#include "policy/rule.h"
#include "store/explain.h"
#include "store/runtime_rules.h"
#include "store/saved_rules.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::control {

namespace json = boost::json;
using http::Reply;
using http::Request;

namespace {

/// As a line of a list.
std::string rule_text(const policy::Rule& rule) {
  std::string text = policy::to_string(rule.scope, rule.name);
  char separator = ':';
  for (const Port& port : rule.ports) {
    text += separator + port.to_string();
    separator = ',';
  }
  return text;
}

json::object describe(const store::RuntimeRule& added) {
  const policy::Rule& rule = added.rule;
  json::object object{
      {"action", rule.action == policy::Action::kAllow ? "allow" : "deny"},
      {"rule", rule_text(rule)},
      {"policy", added.policy},
      {"since", time_text(added.since)},
      {"by", added.by},
  };
  if (added.until) object["until"] = time_text(*added.until);
  if (!added.why.empty()) object["why"] = added.why;
  return object;
}

/// The body of a request; empty texts are missing keys.
struct RuleRequest {
  std::string action;
  std::string rule;
  std::string policy = "default";
  std::string duration;
  std::string why;
  bool save = false;
};

Result<RuleRequest> parse_rule_request(const std::string& body) {
  const auto object = parse_object(body);
  if (!object) return fail("the body is not a JSON object");
  RuleRequest wanted;
  for (const auto& [key, member] : *object) {
    const auto text = [&](std::string& into) {
      if (member.is_string()) into = member.get_string().c_str();
      return member.is_string();
    };
    const bool known =
        (key == "action" && text(wanted.action)) || (key == "rule" && text(wanted.rule)) ||
        (key == "policy" && text(wanted.policy)) || (key == "for" && text(wanted.duration)) ||
        (key == "why" && text(wanted.why)) || (key == "save" && member.is_bool());
    if (!known) return fail(fmt::format("{}: unknown key or wrong type", quote(key)));
    if (key == "save") wanted.save = member.get_bool();
  }
  return wanted;
}

/// One line of text, whatever it was.
std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return text;
}

Result<store::RuntimeRule> runtime_rule_of(const RuleRequest& wanted, const http::Peer& peer) {
  if (wanted.action != "allow" && wanted.action != "deny") {
    return fail(fmt::format("action: {}: expected allow or deny", quote(wanted.action)));
  }
  const auto action = wanted.action == "allow" ? policy::Action::kAllow : policy::Action::kDeny;
  auto parsed = policy::parse_rule(wanted.rule, action);
  if (!parsed) return fail(parsed.error().message);
  store::RuntimeRule added{.policy = wanted.policy,
                           .since = std::chrono::system_clock::now(),
                           .by = user_name(peer),
                           .why = one_line(wanted.why)};
  if (!wanted.duration.empty()) {
    const auto time = parse_duration(wanted.duration);
    if (!time || *time <= Milliseconds(0)) {
      return fail(fmt::format("for: {}: expected a time, such as 10m", quote(wanted.duration)));
    }
    if (wanted.save) return fail("--for and --save cannot be combined");
    added.until = added.since + *time;
  }
  added.rule = {.name = parsed->name,
                .scope = parsed->scope,
                .action = action,
                .at = {.file = fmt::format("`nxgate {}` by {}, {}", wanted.action, added.by,
                                           time_text(added.since))},
                .ports = std::move(parsed->ports)};
  return added;
}

}  // namespace

std::string time_text(std::chrono::system_clock::time_point at) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(at)));
}

std::string user_name(const http::Peer& peer) {
  if (!peer.user) return "somebody";
  std::vector<char> text(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(*peer.user, &entry, text.data(), text.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return fmt::format("user {}", *peer.user);
}

Reply ControlApi::rules(const Request&) {
  json::array all;
  for (const store::RuntimeRule& each : running_.policy_store.runtime_rules().all())
    all.push_back(describe(each));
  return reply_with(json::object{{"rules", std::move(all)}});
}

Reply ControlApi::add_rule(const Request& request) {
  const auto wanted = parse_rule_request(request.body);
  if (!wanted) return refuse(400, wanted.error().message);
  auto added = runtime_rule_of(*wanted, request.peer);
  if (!added) return refuse(400, added.error().message);
  if (!knows(wanted->policy)) return no_such_policy(wanted->policy);
  json::object answer = describe(*added);
  if (wanted->save) {
    const auto saved =
        store::save_rule(running_.settings.state, wanted->policy, wanted->rule, *added);
    if (!saved) return refuse(409, saved.error().message);
    answer["saved"] = *saved;
  }
  log::info("{} {} in the policy {}{}, by {}{}", wanted->action, wanted->rule, wanted->policy,
            wanted->duration.empty() ? "" : " for " + wanted->duration, added->by,
            added->why.empty() ? "" : ": " + added->why);
  const policy::Rule rule = added->rule;
  running_.policy_store.runtime_rules().add(*std::move(added));
  rules_changed();
  if (const std::string note = contradiction(wanted->policy, rule); !note.empty()) {
    answer["note"] = note;
  }
  return reply_with(answer);
}

boost::asio::awaitable<Reply> ControlApi::remove_rule(const Request& request) {
  const std::string text = parameter(request, "rule");
  const std::string policy = parameter(request, "policy", "default");
  const auto parsed = policy::parse_rule(text);
  if (!parsed) co_return refuse(400, parsed.error().message);
  const policy::Rule rule{.name = parsed->name, .scope = parsed->scope, .at = {}};
  const auto saved = store::forget_rule(running_.settings.state, policy, rule);
  if (!saved) co_return refuse(409, saved.error().message);
  const bool added = running_.policy_store.runtime_rules().remove(policy, rule);
  if (!added && !*saved) {
    co_return refuse(404, fmt::format("no rule {} was added to the policy {}{}", quote(text),
                                      quote(policy), others_of(policy, rule.name)));
  }
  // A reload publishes other removals as well.
  const bool taken = *saved && co_await reloaded();
  if (!taken) rules_changed();
  if (*saved && !taken) {
    co_return refused_reload(
        fmt::format("the rule {} is no longer saved, but stays in force until a reload succeeds, "
                    "and this one was rejected",
                    quote(text)));
  }
  log::info("the rule {} that was added to the policy {} was removed, by {}", text, policy,
            user_name(request.peer));
  co_return reply_with(json::object{{"rule", text}, {"policy", policy}, {"saved", *saved}});
}

/// What else the policy says about these names; empty if nothing contradicts the rule.
std::string ControlApi::contradiction(const std::string& policy, const policy::Rule& added) const {
  const auto snapshot = running_.policy_store.snapshots().load();
  const policy::Policy* const found = snapshot->policies.find(policy);
  if (found == nullptr) return {};
  const policy::Match match = engine::judge(*found, added.name, Clock::now()).match;
  if (added.action == policy::Action::kAllow) {
    return match.verdict == policy::Verdict::kLocal ? "local data goes before it at this very name"
                                                    : "";
  }
  return match.verdict == policy::Verdict::kAncestor
             ? "names below it are still allowed by rules of their own"
             : "";
}

/// What was added for this name by a rule of another scope.
std::string ControlApi::others_of(const std::string& policy, const wire::DomainName& name) const {
  std::string text;
  for (const store::RuntimeRule& each : running_.policy_store.runtime_rules().all()) {
    if (each.policy != policy || each.rule.name != name) continue;
    text += (text.empty() ? "; there is " : ", ") + rule_text(each.rule);
  }
  return text;
}

void ControlApi::rules_changed() {
  running_.policy_store.changed(running_.policy_store.runtime_rules());
  running_.operations.changed();
  await_end();
}

/// Until the next rule expires.
void ControlApi::await_end() {
  const auto next = running_.policy_store.runtime_rules().next_end();
  ends_.cancel();
  if (!next) return;
  const auto left = *next - std::chrono::system_clock::now();
  ends_.expires_after(std::max(std::chrono::duration_cast<Clock::duration>(left),
                               Clock::duration(Milliseconds(1))));
  ends_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (running_.policy_store.runtime_rules().expire(std::chrono::system_clock::now())) {
      log::info("a temporary rule has expired");
      return rules_changed();
    }
    await_end();
  });
}

}  // namespace nxgate::control
