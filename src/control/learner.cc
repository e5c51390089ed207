#include "control/learner.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/observer.h"
#include "firewall/firewall_reports.h"
#include "firewall/name_firewall.h"
#include "learn/record.h"
#include "learn/record_json.h"
#include "observe/filter.h"
#include "observe/hub.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "store/policy_store.h"
#include "store/runtime_rules.h"
#include "store/saved_rules.h"
#include "sys/state_directory.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::control {

namespace json = boost::json;

namespace {

constexpr Milliseconds kBeat{200};
constexpr int kBeatsASave = 50;
constexpr std::size_t kMostWaiting = 16384;
constexpr std::size_t kLargestState = 64UL << 20;

std::string file_of(const std::string& policy) {
  return store::state_folder(policy) + "/learnt.json";
}

/// All names, except those that the policy denies or answers itself.
policy::Rule everything() {
  return {.name = {},
          .scope = policy::Scope::kSubtree,
          .action = policy::Action::kAllow,
          .at = {.file = "`nxgate learn`"}};
}

std::int64_t now() {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

/// Local names need no rule, and targets of an allowed name are allowed with it.
bool counts(const engine::Event& event) {
  return event.outcome != engine::Outcome::kLocal && !event.judgement.granted;
}

observe::Filter questions_of(const std::string& policy) {
  return [chosen = observe::filter_of({.policy = policy})](const engine::Event& event) {
    return event.connection == nullptr && chosen(event);
  };
}

/// Names that are denied meanwhile count as existing: no upstream was queried.
learn::Existence outcome_of(const engine::Event& event) {
  if (event.source == engine::Source::kOwn) return learn::Existence::kExists;
  if (event.source == engine::Source::kFailure) return learn::Existence::kFailed;
  if (event.rcode == wire::Rcode::kNxDomain) return learn::Existence::kMissing;
  return event.rcode == wire::Rcode::kNoError ? learn::Existence::kExists
                                              : learn::Existence::kFailed;
}

void note(const engine::Event& event, learn::Record& record) {
  const policy::Policy* const policy = event.judgement.policy;
  const bool inside = policy != nullptr && !policy->container.empty();
  const std::string client = inside ? policy->container : event.client.address.to_string();
  record.add({.name = event.question.name,
              .type = event.question.type,
              .outcome = outcome_of(event),
              .client = client,
              .when = std::chrono::system_clock::to_time_t(event.at)});
}

std::string text_of(const Learnt& learnt) {
  return fmt::format(R"({{"active":{},"denies":{},"since":{},"record":{}}})", learnt.active,
                     learnt.denies, learnt.since, learn::to_json(learnt.record));
}

Result<Learnt> learnt_of(const std::string& text) {
  const auto object = parse_object(text);
  const json::value* const record = object ? object->if_contains("record") : nullptr;
  if (record == nullptr) return fail("not a record of what was learnt");
  auto read = learn::record_from_json(json::serialize(*record));
  if (!read) return std::unexpected(read.error());
  const auto flag = [&](const char* key) {
    const json::value* const found = object->if_contains(key);
    return found != nullptr && found->is_bool() && found->get_bool();
  };
  const json::value* const since = object->if_contains("since");
  return Learnt{
      .active = flag("active"),
      .denies = flag("denies"),
      .since = since != nullptr && since->is_int64() ? since->get_int64() : read->started(),
      .record = *std::move(read)};
}

}  // namespace

Learner::Learner(boost::asio::io_context& loop, store::PolicyStore& policy_store, observe::Hub& hub,
                 firewall::FirewallReports& reports, const std::string& state,
                 std::function<void()> rules_changed, std::function<void()> look)
    : policy_store_(policy_store),
      hub_(hub),
      reports_(reports),
      state_(state),
      rules_changed_(std::move(rules_changed)),
      look_(std::move(look)),
      timer_(loop) {
  reports_.on_flows([this](const std::string& policy, const std::vector<firewall::Flow>& flows) {
    note_flows(policy, flows);
  });
}

Learner::~Learner() {
  reports_.on_flows({});
  for (auto& [policy, learnt] : learnt_) take(learnt);
  save();
}

void Learner::resume() {
  if (state_.path().empty()) return;
  for (const auto& policy : policy_store_.snapshots().load()->policies.all()) {
    auto learnt = read(policy->name);
    if (!learnt) {
      const std::string fault = fmt::format(
          "{}/{} can't be read: {}; the file is left unchanged, and nothing is learnt for the "
          "policy {}; fix it, or move it away and restart nxgate",
          state_.path(), file_of(policy->name), learnt.error().message, policy->name);
      log::error("{}", fault);
      unreadable_.insert_or_assign(policy->name, fault);
    }
    if (!learnt || !*learnt) continue;
    Learnt& held = learnt_.insert_or_assign(policy->name, **std::move(learnt)).first->second;
    if (held.active) begin(policy->name, held, "the server, as before its restart");
  }
}

/// Nothing if nothing was kept.
Result<std::optional<Learnt>> Learner::read(const std::string& policy) const {
  const auto text = state_.read(file_of(policy), kLargestState);
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::nullopt;
  auto learnt = learnt_of(**text);
  if (!learnt) return std::unexpected(learnt.error());
  return *std::move(learnt);
}

std::vector<store::StandingFault> Learner::standing_faults() const {
  std::vector<store::StandingFault> standing;
  for (const auto* const faults : {&unreadable_, &unwritten_}) {
    for (const auto& [policy, text] : *faults)
      standing.push_back({store::FaultSource::kLearning, text});
  }
  return standing;
}

Result<void> Learner::start(const std::string& policy, bool denies, const std::string& by) {
  if (const auto held = unreadable_.find(policy); held != unreadable_.end()) {
    return fail(held->second);
  }
  Learnt& learnt =
      learnt_.try_emplace(policy, Learnt{.record = learn::Record(policy, now())}).first->second;
  if (learnt.active && learnt.denies == denies) return {};
  if (learnt.active) stop(policy);
  learnt.active = true;
  learnt.denies = denies;
  learnt.since = now();
  begin(policy, learnt, by);
  return {};
}

void Learner::begin(const std::string& policy, Learnt& learnt, const std::string& by) {
  learnt.record.resume();
  learnt.tap = hub_.open(questions_of(policy), kMostWaiting);
  if (!learnt.denies) {
    policy_store_.runtime_rules().add({.policy = policy,
                                       .rule = everything(),
                                       .since = std::chrono::system_clock::now(),
                                       .by = by,
                                       .why = "to learn what is asked for"});
  }
  reports_.learn(policy, true);
  rules_changed_();
  log::warning("learning the policy {}: {}", policy,
               learnt.denies ? "it stays enforced" : "everything resolves until it ends");
  changed_ = true;
  wait();
}

bool Learner::stop(const std::string& policy) {
  const auto found = learnt_.find(policy);
  if (found == learnt_.end() || !found->second.active) return false;
  look_();
  take(found->second);
  found->second.active = false;
  found->second.record.stop(now());
  found->second.tap.reset();
  reports_.learn(policy, false);
  (void)policy_store_.runtime_rules().remove(policy, everything());
  rules_changed_();
  log::info("no longer learning the policy {}", policy);
  keep();
  return true;
}

void Learner::forget(const std::string& policy) {
  const auto found = learnt_.find(policy);
  if (found == learnt_.end()) return;
  take(found->second);
  found->second.record = learn::Record(policy, now());
  keep();
}

std::string Learner::unsaved(const std::string& policy) const {
  const auto found = unwritten_.find(policy);
  return found == unwritten_.end() ? std::string() : found->second;
}

const std::map<std::string, Learnt>& Learner::all() {
  look_();
  for (auto& [policy, learnt] : learnt_) take(learnt);
  return learnt_;
}

const Learnt* Learner::active(const std::string& policy) const {
  const auto found = learnt_.find(policy);
  return found == learnt_.end() || !found->second.active ? nullptr : &found->second;
}

void Learner::take(Learnt& learnt) {
  if (!learnt.tap) return;
  for (const engine::Event& event : learnt.tap->take()) {
    if (!counts(event)) continue;
    note(event, learnt.record);
    changed_ = true;
  }
}

/// A port counts for every name that resolved to the address: which one was meant can't be known.
void Learner::note_flows(const std::string& policy, const std::vector<firewall::Flow>& flows) {
  const auto found = learnt_.find(policy);
  if (found == learnt_.end() || !found->second.active) return;
  take(found->second);  // a name before its ports
  for (const firewall::Flow& flow : flows) {
    for (const std::string& text : flow.names) {
      const auto name = wire::DomainName::from_text(text);
      if (name) found->second.record.add_port(*name, flow.to.port);
    }
  }
  changed_ = true;
}

void Learner::save() {
  if (state_.path().empty() || !std::exchange(changed_, false)) return;
  for (const auto& [policy, learnt] : learnt_) {
    if (auto written = state_.replace(file_of(policy), text_of(learnt)); written) {
      unwritten_.erase(policy);
    } else {
      const std::string fault = fmt::format("{}/{} can't be written: {}", state_.path(),
                                            file_of(policy), written.error().message);
      log::repeated("learn", fault);
      unwritten_.insert_or_assign(policy, fault);
      changed_ = true;
    }
  }
}

/// Saves at once, and again and again if that fails.
void Learner::keep() {
  changed_ = true;
  save();
  if (!unwritten_.empty()) wait();
}

void Learner::wait() {
  timer_.expires_after(kBeat);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    bool active = false;
    for (auto& [policy, learnt] : learnt_) {
      take(learnt);
      active |= learnt.active;
    }
    if (++beats_ % kBeatsASave == 0) save();
    if (active || !unwritten_.empty()) wait();
  });
}

}  // namespace nxgate::control
