// Learning a policy: the part of the API that records and proposes.
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/core.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/json.h"
#include "control/api_reply.h"
#include "control/control_api.h"
#include "control/learner.h"
#include "engine/decision.h"
#include "http/control.h"
#include "learn/diff_text.h"
#include "learn/list_text.h"
#include "learn/proposal.h"
#include "learn/proposal_json.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "wire/name.h"

namespace nxgate::control {

namespace json = boost::json;
using http::Reply;
using http::Request;

namespace {

json::object describe(const std::string& policy, const Learnt& learnt) {
  return {{"policy", policy},
          {"active", learnt.active},
          {"denies", learnt.denies},
          {"names", learnt.record.size()}};
}

std::string member(const json::object& object, const char* key, std::string fallback) {
  const json::value* const found = object.if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->get_string().c_str())
                                                : std::move(fallback);
}

}  // namespace

/// What firewalls have noted up to now, without waiting for the next second.
void ControlApi::take_reports() {
  running_.firewalls.take_reports();
  if (attachments_ != nullptr) attachments_->take_reports();
}

Reply ControlApi::learning(const Request&) {
  json::array all;
  for (const auto& [policy, learnt] : learner_.all()) all.push_back(describe(policy, learnt));
  return reply_with(json::object{{"policies", std::move(all)}});
}

Reply ControlApi::learn(const Request& request) {
  const auto wanted = parse_object(request.body);
  if (!wanted) return refuse(400, "the body is not a JSON object");
  const std::string action = member(*wanted, "action", "");
  const std::string policy = member(*wanted, "policy", "default");
  const json::value* const deny = wanted->if_contains("deny");
  if (!knows(policy)) return no_such_policy(policy);
  if (action == "start") {
    const bool denies = deny != nullptr && deny->is_bool() && deny->get_bool();
    if (auto started = learner_.start(policy, denies, user_name(request.peer)); !started) {
      return refuse(409, started.error().message);
    }
  } else if (action == "stop") {
    if (!learner_.stop(policy))
      return refuse(404, fmt::format("{} isn't in learning mode", policy));
  } else if (action == "forget") {
    learner_.forget(policy);
  } else {
    return refuse(400, fmt::format("action: {}: expected start, stop or forget", quote(action)));
  }
  if (const std::string unsaved = learner_.unsaved(policy); action != "start" && !unsaved.empty()) {
    return refuse(500,
                  fmt::format("the policy {} {}, but that could not be saved: {}; nxgate tries "
                              "again every 10 s",
                              policy,
                              action == "stop" ? "is no longer in learning mode"
                                               : "has no record of what was learnt any more",
                              unsaved));
  }
  const auto& all = learner_.all();
  const auto found = all.find(policy);
  json::object answer =
      found == all.end()
          ? json::object{{"policy", policy}, {"active", false}, {"denies", false}, {"names", 0}}
          : describe(policy, found->second);
  if (running_.settings.state.empty()) {
    answer["note"] = "what is learnt is lost at a restart: control.state is not set";
  }
  return reply_with(answer);
}

Reply ControlApi::proposal(const Request& request) {
  const std::string policy = parameter(request, "policy", "default");
  const auto& all = learner_.all();
  const auto found = all.find(policy);
  if (found == all.end()) {
    if (!knows(policy)) return no_such_policy(policy);
    return refuse(
        404,
        fmt::format(
            "nothing was learnt for the policy `{0}`: start with `nxgate learn start --policy {0}`",
            policy));
  }
  const learn::Proposal proposal = learn::propose(found->second.record);
  const policy::Policy* const now = running_.policy_store.configured()->policies.find(policy);
  std::vector<policy::Rule> rules;
  if (now != nullptr) rules = now->matcher->rules().standing();
  const auto match = [now](const wire::DomainName& name) {
    return engine::judge(*now, name, Clock::now()).match;
  };
  const auto allowed = [now, &match](const wire::DomainName& name) {
    return now != nullptr && match(name).verdict == policy::Verdict::kAllow;
  };
  const auto opened = [now, &match](const wire::DomainName& name) {
    return now->egress == nullptr ? Ports() : now->ports_of(match(name));
  };
  return reply_with(json::object{{"policy", policy},
                                 {"list", learn::to_list(proposal)},
                                 {"diff", learn::to_diff(proposal, {allowed, opened, rules})},
                                 {"proposal", learn::to_json(proposal)}});
}

}  // namespace nxgate::control
