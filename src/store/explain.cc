#include "store/explain.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/decision.h"
#include "engine/reason.h"
#include "engine/snapshot.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "policy/policy.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::store {
namespace {

using engine::Decision;
using engine::Outcome;

std::string upstream_of(const engine::Snapshot& snapshot, const Decision& decision) {
  const engine::UpstreamGroup& group = snapshot.groups[decision.upstream];
  std::string servers;
  for (const engine::UpstreamServer& server : group.servers) {
    servers += fmt::format("{}{}{}", servers.empty() ? "" : ", ",
                           server.protocol == engine::UpstreamProtocol::kTcp ? "tcp://" : "",
                           server.endpoint.to_string());
  }
  if (servers.empty()) servers = "no server known";
  return fmt::format("{} ({}){}", group.name, servers,
                     group.netns.empty() ? "" : " in network namespace " + group.netns);
}

std::string address_reply(const policy::Policy& policy, wire::Type type) {
  std::optional<IpAddress> address;
  if (type == wire::Type::kA) address = policy.deny_v4;
  if (type == wire::Type::kAaaa) address = policy.deny_v6;
  return address ? "the address " + address->to_string() : "NODATA";
}

std::string denial_of(const policy::Policy& policy, wire::Type type) {
  switch (policy.deny) {
    case policy::DenyReply::kNxDomain:
      return "NXDOMAIN";
    case policy::DenyReply::kNoData:
      return "NODATA";
    case policy::DenyReply::kRefused:
      return "REFUSED";
    case policy::DenyReply::kDrop:
      return "no answer at all";
    case policy::DenyReply::kAddress:
      return address_reply(policy, type);
  }
  return {};
}

std::string local_answer(const policy::LocalData& local, const wire::DomainName& name,
                         wire::Type type) {
  const wire::SuffixHashes hashes(name, wire::process_hash_key());
  int count = 0;
  for (const policy::LocalRecord& record : local.find(hashes)) {
    count += record.type == type ? 1 : 0;
  }
  return count == 0 ? fmt::format("local: NODATA, the name has no {} record", to_string(type))
                    : fmt::format("local: {} record{}", count, count == 1 ? "" : "s");
}

std::string verdict_of(const engine::Snapshot& snapshot, const Decision& decision,
                       const wire::Question& question) {
  switch (decision.outcome) {
    case Outcome::kProhibited:
      return "denied: NXDOMAIN, no policy covers this client";
    case Outcome::kDeny:
      return "denied: " + denial_of(*decision.policy, question.type);
    case Outcome::kAncestor:
      return question.name.is_root() ? "denied: NODATA, as always for the root"
                                     : "denied: NODATA, an allowed or local name lies below it";
    case Outcome::kSuppressed:
      return fmt::format("allowed, but NODATA: the policy {} {}",
                         decision.exceeded == nullptr ? "suppresses" : "has no",
                         to_string(question.type));
    case Outcome::kLocal:
      return local_answer(*decision.local, decision.asked, question.type);
    case Outcome::kAny:
      return "allowed, but ANY gets HINFO only (RFC 8482)";
    case Outcome::kTransfer:
      return "REFUSED: no zone transfers";
    case Outcome::kForward:
      return fmt::format("allowed: forwarded to upstream {}{}", upstream_of(snapshot, decision),
                         decision.asked == question.name
                             ? ""
                             : " for " + decision.asked.to_text() + ", a local CNAME's target");
  }
  return {};
}

}  // namespace

Facts explain(const engine::Snapshot& snapshot, const wire::Question& question,
              const IpAddress& client, std::string_view listener_policy) {
  const Decision decision =
      engine::decide(snapshot, question, client, listener_policy, Clock::now());
  return explain(snapshot, decision, question, client);
}

Facts explain(const engine::Snapshot& snapshot, const Decision& decision,
              const wire::Question& question, const IpAddress& client) {
  Facts facts{
      {"name", question.name.to_text()},
      {"type", std::string(to_string(question.type))},
      {"client", client.to_string()},
      {"policy", decision.policy == nullptr ? "none" : decision.policy->name},
      {"rule", in_full(engine::reason_of(decision))},
      {"verdict", verdict_of(snapshot, decision, question)},
  };
  if (decision.outcome == Outcome::kForward) {
    const bool routed = decision.match.route != policy::Match::kNoRoute;
    facts.emplace_back(
        "route", routed
                     ? decision.policy->routes[decision.match.route].name.to_text() + " and below"
                     : "the policy's own upstream");
  }
  return facts;
}

std::string to_text(const Facts& facts) {
  std::string text;
  for (const auto& [what, value] : facts) text += fmt::format("{:<9}{}\n", what, value);
  return text;
}

}  // namespace nxgate::store
