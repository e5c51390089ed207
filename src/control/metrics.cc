#include "control/metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "attach/attachments.h"
#include "attach/unattached.h"
#include "base/census.h"
#include "base/clock.h"
#include "control/control_api.h"
#include "control/control_socket.h"
#include "control/learner.h"
#include "engine/snapshot.h"
#include "firewall/firewall_reports.h"
#include "forward/health.h"
#include "forward/in_flight.h"
#include "relay/relay.h"
#include "serve/worker_context.h"
#include "store/standing_fault.h"
#include "telemetry/connection_counters.h"
#include "telemetry/counters.h"
#include "telemetry/exposition.h"
#include "wire/types.h"

namespace nxgate::control {
namespace {

using telemetry::Counter;
using telemetry::Counters;
using telemetry::MetricsWriter;

constexpr std::array<std::string_view, 2> kTransports{"udp", "tcp"};
/// As policy::EgressMode.
constexpr std::array<std::string_view, 2> kModes{"enforce", "audit"};

template <class Get>
double sum_of(const workers::Workers& workers, Get get) {
  std::uint64_t sum = 0;
  for (const auto& each : workers.counters()) sum += get(*each);
  return static_cast<double>(sum);
}

double seconds(std::uint64_t micros) { return static_cast<double>(micros) / 1e6; }

void write_queries(MetricsWriter& out, const Running& running) {
  const workers::Workers& workers = running.workers;
  out.counter("nxgate_queries", "Messages received, by transport.");
  out.sample(static_cast<double>(workers.total(Counter::kUdpQueries)), {{"transport", "udp"}});
  out.sample(static_cast<double>(workers.total(Counter::kTcpQueries)), {{"transport", "tcp"}});

  out.counter("nxgate_answers", "Queries answered, by policy, verdict and transport.");
  const std::vector<std::string>& names = running.policy_store.registry().slots();
  for (std::size_t slot = 0; slot < names.size(); ++slot) {
    for (std::size_t verdict = 0; verdict < telemetry::kVerdictNames.size(); ++verdict) {
      for (const bool stream : {false, true}) {
        const double count = sum_of(workers, [&](const Counters& each) {
          return each.answers({static_cast<std::uint8_t>(slot),
                               static_cast<telemetry::AnswerClass>(verdict), stream});
        });
        if (count == 0) continue;
        out.sample(count, {{"policy", names[slot]},
                           {"verdict", telemetry::kVerdictNames[verdict]},
                           {"transport", kTransports[stream]}});
      }
    }
  }

  out.counter("nxgate_replies", "Replies sent to queries, by rcode and transport.");
  for (std::uint8_t rcode = 0; rcode < telemetry::kRcodes; ++rcode) {
    for (const bool stream : {false, true}) {
      const double count =
          sum_of(workers, [&](const Counters& each) { return each.replies(rcode, stream); });
      if (count == 0) continue;
      out.sample(count, {{"rcode", wire::to_string(static_cast<wire::Rcode>(rcode))},
                         {"transport", kTransports[stream]}});
    }
  }

  struct Cause {
    Counter counter;
    std::string_view name;
  };
  constexpr std::array<Cause, 4> kCauses{{{Counter::kDropped, "no query"},
                                          {Counter::kMalformed, "malformed"},
                                          {Counter::kRateLimited, "rate limit"},
                                          {Counter::kShed, "overload"}}};
  out.counter("nxgate_refused_messages", "Messages that got no answer or only an error, by cause.");
  for (const Cause& cause : kCauses) {
    out.sample(static_cast<double>(workers.total(cause.counter)), {{"cause", cause.name}});
  }
}

/// One of the counters' histograms, of all workers.
template <const auto& bounds, class Histogram>
void write_histogram(MetricsWriter& out, const workers::Workers& workers,
                     Histogram Counters::* histogram) {
  double below = 0;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    below += sum_of(workers, [&](const Counters& each) { return (each.*histogram).count(i); });
    const std::string bound = i == bounds.size() ? "+Inf" : fmt::format("{}", seconds(bounds[i]));
    out.sample("_bucket", below, {{"le", bound}});
  }
  const double nanoseconds =
      sum_of(workers, [&](const Counters& each) { return (each.*histogram).sum(); });
  out.sample("_sum", nanoseconds / 1e9);
  out.sample("_count", below);
}

void write_times(MetricsWriter& out, const workers::Workers& workers) {
  out.histogram("nxgate_upstream_wait_seconds",
                "Time that clients waited for answers from upstreams.");
  write_histogram<telemetry::kWaitBounds>(out, workers, &Counters::waits);
  out.histogram(
      "nxgate_prompt_answer_seconds",
      "Time from receiving a batch of UDP queries to sending the replies that needed no upstream.");
  write_histogram<telemetry::kPromptBounds>(out, workers, &Counters::prompt);
}

template <class Value>
void write_servers(MetricsWriter& out, const Running& running, Value value) {
  const auto snapshot = running.policy_store.snapshots().load();
  for (const engine::UpstreamGroup& group : snapshot->groups) {
    const auto health = running.shared.forwarding.health.of(group);
    for (std::size_t i = 0; i < group.servers.size(); ++i) {
      value(out, group.name, group.servers[i].endpoint.to_string(), health->server(i));
    }
  }
}

void write_upstreams(MetricsWriter& out, const Running& running) {
  using forward::ServerHealth;
  using Text = const std::string&;
  out.gauge("nxgate_upstream_up", "Whether a server is used: 0 while it is skipped.");
  write_servers(out, running, [](MetricsWriter& to, Text group, Text server, ServerHealth& health) {
    to.sample(health.down(Clock::now()) ? 0 : 1, {{"upstream", group}, {"server", server}});
  });
  out.gauge("nxgate_upstream_rtt_seconds", "Smoothed response time of a server.");
  write_servers(out, running, [](MetricsWriter& to, Text group, Text server, ServerHealth& health) {
    to.sample(seconds(static_cast<std::uint64_t>(health.smoothed_rtt().count())),
              {{"upstream", group}, {"server", server}});
  });
  out.counter("nxgate_upstream_exchanges", "Queries sent to a server, by outcome.");
  write_servers(out, running, [](MetricsWriter& to, Text group, Text server, ServerHealth& health) {
    for (std::size_t i = 0; i < forward::kExchangeResultNames.size(); ++i) {
      to.sample(
          static_cast<double>(health.count(static_cast<forward::ExchangeResult>(i))),
          {{"upstream", group}, {"server", server}, {"outcome", forward::kExchangeResultNames[i]}});
    }
  });
}

/// By policy, named and put together as in nxgate_answers.
void write_firewalls(MetricsWriter& out, const Running& running) {
  std::map<std::string, firewall::FirewallReports::Counts> by_slot;
  for (const auto& policy : running.policy_store.configured()->policies.all()) {
    if (!policy->egress) continue;
    const firewall::FirewallReports::Counts counts = running.reports.of(policy->name);
    firewall::FirewallReports::Counts& sum =
        by_slot[running.policy_store.registry().slots()[policy->slot]];
    sum.admissions += counts.admissions;
    for (std::size_t i = 0; i < kModes.size(); ++i) sum.refusals[i] += counts.refusals[i];
  }
  out.counter("nxgate_egress_admissions",
              "Addresses opened or extended in the kernel, per port or for all ports.");
  for (const auto& [policy, counts] : by_slot) {
    out.sample(static_cast<double>(counts.admissions), {{"policy", policy}});
  }
  out.counter("nxgate_egress_refused_packets",
              "Packets that a firewall refused, or would have refused in an audit; one per attempt "
              "for TCP.");
  for (const auto& [policy, counts] : by_slot) {
    for (std::size_t i = 0; i < kModes.size(); ++i) {
      out.sample(static_cast<double>(counts.refusals[i]),
                 {{"policy", policy}, {"mode", kModes[i]}});
    }
  }
}

/// By policy, named and put together as in nxgate_answers.
void write_learning(MetricsWriter& out, const Running& running, const Learner& learner) {
  struct Policies {
    int open = 0;
    int enforced = 0;
  };
  std::map<std::string, Policies> by_slot;
  for (const auto& policy : running.policy_store.configured()->policies.all()) {
    Policies& counts = by_slot[running.policy_store.registry().slots()[policy->slot]];
    if (const Learnt* const learnt = learner.active(policy->name)) {
      ++(learnt->denies ? counts.enforced : counts.open);
    }
  }
  out.gauge("nxgate_policy_learning",
            "Whether a policy is in learning mode; everything resolves unless it stays enforced.");
  for (const auto& [policy, counts] : by_slot) {
    out.sample(counts.open, {{"policy", policy}, {"mode", "open"}});
    out.sample(counts.enforced, {{"policy", policy}, {"mode", "enforced"}});
  }
}

/// Limits that are shared between clients, and how often a client reached them.
void write_shares(MetricsWriter& out, const Running& running) {
  using Bound = Census::Bound;
  const forward::InFlight& asked = running.shared.forwarding.in_flight;
  const serve::TcpRoom& tcp = running.shared.tcp;
  const ControlRoom& control = running.room;
  struct Limit {
    std::string_view name;
    std::uint64_t reached;
  };
  const std::array<Limit, 7> limits{{
      {"waiting queries", asked.waiters().refusals()},
      {"questions in flight", asked.questions().refusals()},
      {"tcp-clients", tcp.census.turned_away(Bound::kAll)},
      {"tcp-per-client", tcp.census.turned_away(Bound::kClient)},
      {"tcp-memory", tcp.bytes.refusals()},
      {"control connections", control.api->turned_away(Bound::kAll)},
      {"metrics connections", control.metrics->turned_away(Bound::kAll)},
  }};
  out.counter("nxgate_limits_reached",
              "How often a client reached its share of a limit, by limit: refused, made to wait, "
              "or given the place of who had most.");
  for (const Limit& limit : limits) {
    out.sample(static_cast<double>(limit.reached), {{"limit", limit.name}});
  }
  const auto gauge = [&out](std::string_view name, std::string_view help, std::size_t value) {
    out.gauge(name, help);
    out.sample(static_cast<double>(value));
  };
  gauge("nxgate_waiting_queries", "Queries waiting for an upstream.", asked.waiters().taken());
  gauge("nxgate_tcp_connections", "TCP connections of clients.", tcp.census.connections());
  gauge("nxgate_tcp_memory_bytes",
        "Memory for TCP answers, in addition to that of each connection.", tcp.bytes.taken());
}

/// By policy, named and put together as in nxgate_answers.
void write_connections(MetricsWriter& out, const Running& running) {
  const relay::Relay& relay = running.relay;
  const std::vector<std::string>& names = running.policy_store.registry().slots();
  std::set<std::size_t> checking;
  for (const auto& policy : running.policy_store.configured()->policies.all()) {
    if (policy->egress && policy->egress->checks.any()) checking.insert(policy->slot);
  }
  out.counter("nxgate_connections",
              "Connections whose names are checked, by policy and verdict; a later request that is "
              "denied counts as well.");
  for (std::size_t slot = 0; slot < names.size(); ++slot) {
    for (std::size_t i = 0; i < telemetry::kConnectionResultNames.size(); ++i) {
      const std::uint64_t count = relay.results(static_cast<std::uint8_t>(slot),
                                                static_cast<telemetry::ConnectionResult>(i));
      if (count == 0 && !checking.contains(slot)) continue;
      out.sample(static_cast<double>(count),
                 {{"policy", names[slot]}, {"verdict", telemetry::kConnectionResultNames[i]}});
    }
  }
  out.counter("nxgate_connection_bytes", "Bytes that connections moved, as their clients see it.");
  for (std::size_t i = 0; i < telemetry::kDirectionNames.size(); ++i) {
    out.sample(static_cast<double>(relay.octets(static_cast<telemetry::Direction>(i))),
               {{"direction", telemetry::kDirectionNames[i]}});
  }
  out.gauge("nxgate_connections_open", "Open connections whose names are checked.");
  out.sample(static_cast<double>(relay.open_connections()));
  out.counter("nxgate_connections_turned_away",
              "Connections that were reset because a limit was reached.");
  out.sample(static_cast<double>(relay.turned_away()));
}

/// Unused names are 0 as well, so that alerts can be defined in advance.
void write_attachments(MetricsWriter& out, const attach::Attachments* attachments) {
  out.gauge("nxgate_attachments", "Attached containers and other namespaces.");
  out.sample(attachments == nullptr ? 0 : static_cast<double>(attachments->view().size()));
  std::map<std::pair<attach::WhyUnattached, bool>, int> counts;
  if (attachments != nullptr) {
    for (const attach::Unattached& each : attachments->unattached())
      ++counts[{each.why, each.wanted}];
  }
  out.gauge("nxgate_unattached",
            "Running containers and namespaces that aren't attached, by reason and whether they "
            "should be.");
  for (std::size_t i = 0; i < attach::kWhyUnattached.size(); ++i) {
    for (const bool wanted : {true, false}) {
      out.sample(counts[{static_cast<attach::WhyUnattached>(i), wanted}],
                 {{"reason", attach::kWhyUnattached[i]}, {"wanted", wanted ? "true" : "false"}});
    }
  }
}

struct Single {
  Counter counter;
  std::string_view name;
  std::string_view help;
};

constexpr std::array<Single, 7> kSingles{{
    {Counter::kForwarded, "nxgate_forwarded_questions", "Queries forwarded to an upstream."},
    {Counter::kUpstreamFailures, "nxgate_upstream_failures", "Queries that no upstream answered."},
    {Counter::kStaleAnswers, "nxgate_stale_answers", "Answers from the cache after their TTL."},
    {Counter::kCacheHits, "nxgate_cache_hits", "Answers from the cache."},
    {Counter::kExfiltration, "nxgate_exfiltration_denials",
     "Names in allowed zones that a limit of the policy denied."},
    {Counter::kFilteredAddresses, "nxgate_egress_filtered_addresses",
     "Addresses removed from answers because the policy never opens them."},
    {Counter::kFirewallFailures, "nxgate_egress_failures",
     "Answers withheld because the firewall could not be opened for them."},
}};

}  // namespace

std::string exposition(const Running& running, const Learner& learner,
                       const std::vector<store::StandingFault>& faults,
                       const attach::Attachments* attachments, Exposition form) {
  MetricsWriter out(form);
  const auto gauge = [&out](std::string_view name, std::string_view help, auto value) {
    out.gauge(name, help);
    out.sample(static_cast<double>(value));
  };
  out.gauge("nxgate_build_info", "Version of nxgate; always 1.");
  out.sample(1, {{"version", NXGATE_VERSION}});
  write_queries(out, running);
  write_times(out, running.workers);
  for (const Single& each : kSingles) {
    out.counter(each.name, each.help);
    out.sample(static_cast<double>(running.workers.total(each.counter)));
  }
  write_firewalls(out, running);
  write_connections(out, running);
  write_learning(out, running, learner);
  write_upstreams(out, running);
  write_shares(out, running);
  const cache::Cache& cache = running.shared.cache;
  gauge("nxgate_cache_entries", "Answers in the cache.", cache.size());
  gauge("nxgate_cache_bytes", "Memory used by the cache.", cache.bytes());
  gauge("nxgate_cache_limit_bytes", "Memory limit of the cache.", cache.limits().bytes);
  out.counter("nxgate_cache_evictions", "Answers evicted from the cache to make room.");
  out.sample(static_cast<double>(cache.evictions()));
  out.counter("nxgate_reloads", "Reloads, by result.");
  out.sample(running.policy_store.reloads().taken, {{"result", "taken"}});
  out.sample(running.policy_store.reloads().refused, {{"result", "refused"}});
  out.gauge("nxgate_faults", "Persistent faults, as `nxgate health` reports them, by source.");
  for (std::size_t i = 0; i < store::kFaultSources.size(); ++i) {
    const auto count = std::ranges::count(faults, static_cast<store::FaultSource>(i),
                                          &store::StandingFault::source);
    out.sample(static_cast<double>(count), {{"source", store::kFaultSources[i]}});
  }
  gauge("nxgate_generation", "Number of the configuration in force.",
        running.policy_store.generation());
  gauge("nxgate_amendments", "Rules added to the running server.",
        running.policy_store.runtime_rules().all().size());
  write_attachments(out, attachments);
  gauge("nxgate_watchers", "Clients that watch queries.", running.hub.taps());
  out.counter("nxgate_events_dropped", "Events dropped because a client was too slow.");
  out.sample(static_cast<double>(running.hub.dropped()));
  out.counter("nxgate_query_log_lost_lines", "Lines of the query log that could not be written.");
  out.sample(running.logs.file ? static_cast<double>(running.logs.file->lost()) : 0);
  const auto& dnstap = running.logs.dnstap;
  out.counter("nxgate_dnstap_answers", "Answers for the dnstap reader, by result.");
  out.sample(dnstap ? static_cast<double>(dnstap->sent()) : 0, {{"result", "sent"}});
  out.sample(dnstap ? static_cast<double>(dnstap->lost()) : 0, {{"result", "lost"}});
  gauge("nxgate_dnstap_connected", "Whether the dnstap reader is connected.",
        dnstap && dnstap->connected() ? 1 : 0);
  return out.finish();
}

}  // namespace nxgate::control
