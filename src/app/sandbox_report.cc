#include "app/sandbox_report.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/core.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/escape.h"
#include "cli/options.h"
#include "engine/connection_event.h"
#include "engine/observer.h"
#include "engine/reason.h"
#include "firewall/name_firewall.h"
#include "learn/list_text.h"
#include "learn/proposal.h"
#include "learn/record.h"
#include "policy/egress.h"
#include "sys/inherited.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::app {

namespace json = boost::json;

namespace {

using engine::ConnectionEvent;
using engine::ConnectionVerdict;

constexpr std::string_view kAllowed = "allowed";
constexpr std::string_view kDenied = "denied";
constexpr std::string_view kFailed = "failed";
/// Lines a second.
constexpr std::size_t kMostLines = 10;

std::int64_t seconds_now() {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

learn::Existence existence(const engine::Event& event) {
  if (event.source == engine::Source::kFailure) return learn::Existence::kFailed;
  if (event.rcode == wire::Rcode::kNxDomain) return learn::Existence::kMissing;
  return event.rcode == wire::Rcode::kNoError ? learn::Existence::kExists
                                              : learn::Existence::kFailed;
}

}  // namespace

template <class Map>
SandboxReport::Seen* SandboxReport::place(Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  if (found != map.end()) return &found->second;
  if (map.size() < kMost) return &map[key];
  note_cut();
  return nullptr;
}

SandboxReport::SandboxReport(const cli::Options& options)
    : options_(options), record_(options.policy, seconds_now()) {
  for (const std::string& each : options.run.expect_denied) {
    const auto name = wire::DomainName::from_text(each);
    if (name) expected_.insert(name->to_text());
  }
}

void SandboxReport::note(const engine::Event& event) {
  event.connection ? note_connection(event) : note_question(event);
}

void SandboxReport::note_question(const engine::Event& event) {
  using engine::Outcome;
  const bool denied = event.outcome == Outcome::kDeny || event.outcome == Outcome::kProhibited;
  const std::string name = event.question.name.to_text();
  const engine::Reason reason = reason_of(event);
  if (Seen* const seen = place(names_, {name, denied ? kDenied : kAllowed})) {
    seen->rule = rule_of(reason);
    ++seen->count;
  }
  if (denied) {
    const bool unlisted = reason.by == engine::DecidedBy::kDefault;
    return deny(name, name, unlisted ? how_to_allow(name) : in_full(reason));
  }
  if (event.outcome == Outcome::kLocal || event.judgement.granted) return;
  record_.add({.name = event.question.name,
               .type = event.question.type,
               .outcome = existence(event),
               .client = "run",
               .when = seconds_now()});
}

void SandboxReport::note_connection(const engine::Event& event) {
  using Kind = ConnectionEvent::Kind;
  const ConnectionEvent& connection = *event.connection;
  const std::uint16_t port = connection.to.port;
  std::string name = escaped(connection.name);
  if (name.empty() && event.judgement.policy != nullptr && event.judgement.policy->sets) {
    const auto view = event.judgement.policy->sets->look(connection.to.address, Clock::now());
    if (!view.open.empty()) name = view.open.front().name;
  }
  const bool denied = connection.kind == Kind::kDenied;
  const std::string_view verdict = denied                             ? kDenied
                                   : connection.kind == Kind::kFailed ? kFailed
                                                                      : kAllowed;
  if (Seen* const seen = place(connections_, {connection.to.to_string(), name, verdict})) {
    if (connection.kind != Kind::kEnded) ++seen->count;
    seen->rule = denied || connection.kind == Kind::kFailed ? connection.why : connection.rule;
    seen->sent += connection.kind == Kind::kEnded ? connection.sent : 0;
    seen->received += connection.kind == Kind::kEnded ? connection.received : 0;
  }
  if (!denied) {
    const auto known = wire::DomainName::from_text(name);
    if (known) record_.add_port(*known, {IPPROTO_TCP, port});
    return;
  }
  const bool rule_helps =
      !connection.name.empty() && (connection.verdict == ConnectionVerdict::kNameDenied ||
                                   connection.verdict == ConnectionVerdict::kPortDenied);
  deny(connection.name.empty() ? "" : name,
       fmt::format("{}:{}", name.empty() ? connection.to.address.to_string() : name, port),
       rule_helps ? how_to_allow(connection.verdict == ConnectionVerdict::kPortDenied
                                     ? fmt::format("{}:{}", name, port)
                                     : name)
                  : connection.why);
}

/// What is open was refused for want of a way to it, or since it isn't TCP.
void SandboxReport::note(const firewall::Refusal& refusal, policy::EgressSets* sets) {
  const Port& port = refusal.to.port;
  const bool tcp = port.protocol == IPPROTO_TCP;
  const bool open =
      sets != nullptr && sets->opener(refusal.to.address, {IPPROTO_TCP, port.number}, Clock::now());
  if (tcp && open) return;
  const std::string address = refusal.to.address.to_string();
  const std::string to =
      port.number == 0 ? address : Endpoint{refusal.to.address, port.number}.to_string();
  const std::string protocol = tcp ? "" : port.protocol == IPPROTO_UDP ? "UDP " : "";
  const std::string why = !tcp                   ? "only TCP and DNS are carried"
                          : refusal.name.empty() ? "no allowed name led to this address"
                                                 : "not at this port";
  if (Seen* const seen = place(connections_, {protocol + to, refusal.name, kDenied})) {
    seen->rule = why;
    ++seen->count;
  }
  if (!tcp && open) return;  // as of a browser that tries QUIC first
  const std::string name = escaped(refusal.name);
  deny(name,
       name.empty() ? protocol + to
                    : fmt::format("{}{}:{} ({})", protocol, name, port.number, address),
       tcp && !name.empty() ? how_to_allow(fmt::format("{}:{}", name, port.number)) : why);
}

std::string SandboxReport::how_to_allow(const std::string& rule) const {
  // The program chose the name, and what is told may be copied into a shell.
  const bool plain =
      !rule.starts_with('-') && !rule.starts_with('.') &&
      std::ranges::all_of(rule, [](char c) { return is_host_character(c) || c == ':'; });
  if (!plain) return "the name isn't allowed";
  return options_.config ? fmt::format("allow {} in {}", rule, *options_.config)
                         : fmt::format("allow with: --allow {}", rule);
}

void SandboxReport::note_unknown() {
  others_ = true;
  note_cut();
}

void SandboxReport::note_cut() {
  if (!std::exchange(whole_, false)) return;
  (void)sys::tell("nxgate: the program asked for more than can be noted: the report isn't whole\n");
}

void SandboxReport::deny(const std::string& name, const std::string& what,
                         const std::string& help) {
  others_ |= !expected_.contains(name);
  if (denied_names_.size() < kMost && !name.empty()) denied_names_.insert(name);
  if (denied_.contains(what)) return;
  if (denied_.size() >= kMost) return note_cut();
  denied_.insert(what);
  if (options_.run.quiet || expected_.contains(name)) return;
  if (const Instant now = Clock::now(); now >= lately_ + Seconds(1)) {
    lately_ = now;
    told_lately_ = 0;
  }
  if (++told_lately_ > kMostLines) {
    ++untold_;
    return;
  }
  if (!sys::tell(fmt::format("nxgate: denied {} — {}\n", what, help))) ++untold_;
}

bool SandboxReport::is_wanted() const noexcept {
  const cli::RunOptions& run = options_.run;
  return run.fail_on_denied || !run.expect_denied.empty() || !run.report.empty() ||
         !run.learn.empty();
}

void SandboxReport::tell_counts() const {
  if (denied_.empty() || options_.run.quiet) return;
  const auto allowed =
      std::ranges::count(names_, kAllowed, [](const auto& entry) { return entry.first.second; });
  (void)sys::tell(fmt::format("nxgate: {} denied{}, {} name{} allowed\n", denied_.size(),
                              untold_ == 0 ? "" : fmt::format(" ({} not told)", untold_), allowed,
                              allowed == 1 ? "" : "s"));
}

int SandboxReport::status_for(int program) const {
  for (const std::string& each : expected_) {
    if (denied_names_.contains(each)) continue;
    (void)sys::tell(
        fmt::format("nxgate: {} was not denied, as --expect-denied says\n", escaped(each)));
    return cli::kDenied;
  }
  return options_.run.fail_on_denied && others_ ? cli::kDenied : program;
}

std::string SandboxReport::as_json(int status) const {
  json::array command;
  for (const std::string& each : options_.run.program) command.emplace_back(escaped(each));
  json::array names;
  for (const auto& [key, seen] : names_) {
    names.push_back(json::object{
        {"name", key.first}, {"verdict", key.second}, {"rule", seen.rule}, {"count", seen.count}});
  }
  json::array connections;
  for (const auto& [key, seen] : connections_) {
    const auto& [to, name, verdict] = key;
    const bool allowed = verdict == kAllowed;
    json::object one{{"to", to}, {"name", name}, {"verdict", verdict}, {"count", seen.count}};
    one[allowed ? "rule" : "why"] = seen.rule;
    if (allowed) {
      one["sent"] = seen.sent;
      one["received"] = seen.received;
    }
    connections.push_back(std::move(one));
  }
  return json::serialize(json::object{{"command", std::move(command)},
                                      {"status", status},
                                      {"denied", denied_.size()},
                                      {"whole", whole_},
                                      {"names", std::move(names)},
                                      {"connections", std::move(connections)}}) +
         "\n";
}

std::string SandboxReport::as_list() const { return learn::to_list(learn::propose(record_)); }

}  // namespace nxgate::app
