#include "cli/console.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/json.h"
#include "cli/help.h"

namespace nxgate::cli {

namespace json = boost::json;

namespace {

/// Before what is said of it.
constexpr std::size_t kLabelWidth = 12;
constexpr std::size_t kNameWidth = 25;

std::string line(std::string_view what, std::string_view value) {
  return fmt::format("{:<12}{}\n", what, value);
}

/// The same in as many lines as it takes, with `what` in the first `width` columns.
std::string wrapped_line(std::string_view what, std::string_view text, std::size_t width) {
  return fmt::format("{:<{}}{}\n", what, width, wrap(text, kHelpWidth - width, width));
}

/// `1 worker`, `2 workers`.
std::string counted(const json::object& object, std::string_view key, std::string_view what) {
  return fmt::format("{} {}{}", text_of(object, key), what, number_of(object, key) == 1 ? "" : "s");
}

std::string mebibytes(double bytes) { return fmt::format("{:.1f} MiB", bytes / (1 << 20)); }

std::string uptime_text(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds);
  const std::int64_t days = total / 86400;
  const std::string clock =
      fmt::format("{}:{:02}:{:02}", total / 3600 % 24, total / 60 % 60, total % 60);
  return days == 0 ? clock : fmt::format("{} d {}", days, clock);
}

std::string upstreams_text(const json::object& status) {
  std::string text;
  for (const json::value& group : list_of(status, "upstreams")) {
    const json::object& each = group.get_object();
    for (const json::value& server : list_of(each, "servers")) {
      const json::object& one = server.get_object();
      const double rtt = number_of(one, "rtt_ms");
      text +=
          line("upstream",
               fmt::format("{}: {}{}, {}{}", text_of(each, "name"), text_of(one, "address"),
                           each.contains("netns") ? "@" + text_of(each, "netns") : "",
                           text_of(one, "state"), rtt == 0 ? "" : fmt::format(", {:.1f} ms", rtt)));
    }
  }
  return text;
}

/// Persistent faults.
std::string standing_text(const json::object& answer) {
  if (!answer.contains("faults")) return {};
  std::string text;
  for (const json::value& each : list_of(answer, "faults")) {
    constexpr std::size_t kIndent = 12;
    text += line("fault", wrap(text_of(each.get_object(), "text"), kHelpWidth - kIndent, kIndent));
  }
  return text;
}

/// `web: it isn't running`; intentionally unattached ones are in parentheses.
std::string unattached_text(const json::object& each) {
  const bool wanted = each.at("wanted").as_bool();
  return fmt::format("{}: {}{}{}", text_of(each, "name"), wanted ? "" : "(",
                     text_of(each, "reason"), wanted ? "" : ")");
}

std::string rule_text(const json::object& rule) {
  return fmt::format("{} {} in the policy {}{}", text_of(rule, "action"), text_of(rule, "rule"),
                     text_of(rule, "policy"),
                     rule.contains("until") ? " until " + text_of(rule, "until") : "");
}

/// By the result of a query.
std::string_view colour_of(std::string_view verdict) {
  if (verdict == "denied" || verdict == "prohibited") return "\x1b[31m";
  if (verdict == "nodata" || verdict == "failed" || verdict == "stale") return "\x1b[33m";
  return "\x1b[32m";
}

/// The texts of an array, with commas between.
std::string joined(const json::array& all) {
  std::string text;
  for (const json::value& each : all) {
    text += text.empty() ? "" : ", ";
    text += each.get_string();
  }
  return text;
}

/// What each firewall for clients of this host covers.
std::string firewalls_text(const json::object& status) {
  if (!status.contains("client_firewalls")) return {};
  std::string text;
  for (const json::value& firewall : list_of(status, "client_firewalls")) {
    const json::object& each = firewall.get_object();
    if (each.contains("error")) {
      text += line("firewall",
                   fmt::format("{}: FAILED: {}", text_of(each, "policy"), text_of(each, "error")));
      continue;
    }
    const std::string links = joined(list_of(each, "links"));
    const std::string shared = joined(list_of(each, "shared_links"));
    std::string covered = links.empty() ? "" : "everything that comes in on " + links;
    if (!shared.empty()) {
      covered +=
          fmt::format("{}on {} only its clients' ranges", covered.empty() ? "" : "; ", shared);
    }
    if (covered.empty()) covered = "only its clients' ranges";
    text += line("firewall", fmt::format("{}: {}", text_of(each, "policy"), covered));
  }
  return text;
}

}  // namespace

bool wants_colour(std::FILE* out) {
  // Before there is another thread.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const no_colour = std::getenv("NO_COLOR");
  return ::isatty(::fileno(out)) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

std::string status_text(const json::object& status) {
  const json::object& rates = part_of(status, "rates");
  const json::object& cache = part_of(status, "cache");
  std::string text = line(
      "nxgate", fmt::format("{}, pid {}, up {}", text_of(status, "version"), text_of(status, "pid"),
                            uptime_text(number_of(status, "uptime_seconds"))));
  if (const json::object& user = part_of(status, "user"); text_of(user, "shared") == "true") {
    text += line("user", fmt::format("{}, nobody: other programs of that user can signal it",
                                     text_of(user, "id")));
  }
  text += line("generation", fmt::format("{}, {}", text_of(status, "generation"),
                                         counted(status, "workers", "worker")));
  for (const json::value& listener : list_of(status, "listeners")) {
    const json::object& each = listener.get_object();
    text += line("listener",
                 text_of(each, "address") +
                     (each.contains("policy") ? ", policy " + text_of(each, "policy") : ""));
  }
  for (const json::value& policy : list_of(status, "policies")) {
    const json::object& each = policy.get_object();
    const std::string name = text_of(each, "name");
    text += line("policy", fmt::format("{}: {}", name, counted(each, "rules", "rule")));
    if (!each.contains("learning")) continue;
    const json::object& learning = part_of(each, "learning");
    text += line(
        "policy",
        fmt::format("{}: learning since {}, {}", name, text_of(learning, "since"),
                    learning.at("denies").as_bool() ? "still enforced" : "resolving everything"));
  }
  text += upstreams_text(status);
  text += firewalls_text(status);
  text += standing_text(status);
  text += line("attached", text_of(status, "attachments"));
  for (const json::value& value : list_of(status, "unattached")) {
    text += wrapped_line("unattached", unattached_text(value.get_object()), kLabelWidth);
  }
  text += line("added rules", text_of(status, "amendments"));
  text += line("cache", fmt::format("{}, {} of {}", counted(cache, "entries", "answer"),
                                    mebibytes(number_of(cache, "bytes")),
                                    mebibytes(number_of(cache, "most_bytes"))));
  text += line("per second", fmt::format("{} queries, {} denied, {} forwarded, {} failed",
                                         text_of(rates, "queries"), text_of(rates, "denied"),
                                         text_of(rates, "forwarded"), text_of(rates, "failed")));
  if (status.contains("dnstap")) {
    const json::object& dnstap = part_of(status, "dnstap");
    text += line("dnstap", fmt::format("{} to {}, {} lost{}", text_of(dnstap, "sent"),
                                       text_of(dnstap, "reader"), text_of(dnstap, "lost"),
                                       dnstap.at("connected").as_bool() ? "" : ", not connected"));
  }
  std::string totals;
  for (const auto& [name, count] : part_of(status, "totals")) {
    if (count.to_number<double>() == 0) continue;
    std::string words(name);
    std::ranges::replace(words, '_', ' ');
    totals +=
        line(totals.empty() ? "total" : "", fmt::format("{} {}", json::serialize(count), words));
  }
  return text + totals;
}

std::string health_text(const json::object& health) {
  return text_of(health, "status") + "\n" + standing_text(health);
}

std::string attachments_text(const json::object& answer) {
  std::string text;
  for (const json::value& value : list_of(answer, "attachments")) {
    const json::object& each = value.get_object();
    const bool has_firewall =
        each.contains("egress") && each.at("egress").is_bool() && each.at("egress").get_bool();
    std::string others;
    for (const json::value& other : list_of(each, "held_to")) {
      others += ", also restricted by " + escaped(std::string_view(other.as_string()));
    }
    text += fmt::format("{:<24} policy {}{}{}{}\n", text_of(each, "name"), text_of(each, "policy"),
                        each.contains("narrowed_to")
                            ? fmt::format(", restricted to \"{}\"", text_of(each, "narrowed_to"))
                            : "",
                        others,
                        each.contains("egress_error")
                            ? ", firewall FAILED: " + text_of(each, "egress_error")
                        : has_firewall ? ", with a firewall"
                                       : "");
  }
  if (text.empty()) text = "no containers are attached\n";
  for (const json::value& value : list_of(answer, "unattached")) {
    const json::object& each = value.get_object();
    text += wrapped_line(text_of(each, "name"),
                         fmt::format("not attached: {}{}", text_of(each, "reason"),
                                     each.at("wanted").as_bool() ? ", but should be" : ""),
                         kNameWidth);
  }
  return text;
}

std::string explained_text(const json::object& facts) {
  std::string text;
  for (const auto& [what, value] : facts) {
    text += fmt::format("{:<9}{}\n", std::string_view(what), std::string_view(value.get_string()));
  }
  return text;
}

std::string rules_text(const json::object& answer) {
  constexpr std::size_t kIndent = 6;
  const std::string indent(kIndent, ' ');
  std::string text;
  for (const json::value& value : list_of(answer, "rules")) {
    const json::object& each = value.get_object();
    const std::string origin =
        fmt::format("by {}, {}{}", text_of(each, "by"), text_of(each, "since"),
                    each.contains("why") ? ": " + text_of(each, "why") : "");
    text += wrap(rule_text(each), kHelpWidth, kIndent) + "\n";
    text += indent + wrap(origin, kHelpWidth - kIndent, kIndent) + "\n";
  }
  return text.empty() ? "no rules were added since the start\n" : text;
}

std::string added_text(const json::object& rule) {
  std::string text = rule_text(rule) + "\n";
  if (rule.contains("saved")) text += fmt::format("saved in {}\n", text_of(rule, "saved"));
  if (rule.contains("note")) text += fmt::format("note: {}\n", text_of(rule, "note"));
  return text;
}

std::string removed_text(const json::object& answer) {
  return fmt::format("removed: {} in the policy {}\n", text_of(answer, "rule"),
                     text_of(answer, "policy"));
}

std::string reloaded_text(const json::object& answer) {
  return fmt::format("reloaded: generation {}\n", text_of(answer, "generation"));
}

std::string faults_text(const json::object& answer) {
  std::string text;
  for (const json::value& value : list_of(answer, "faults")) {
    const json::object& each = value.get_object();
    const Location at{.file = each.contains("file") ? std::string(each.at("file").as_string()) : "",
                      .line = static_cast<std::uint32_t>(number_of(each, "line")),
                      .column = static_cast<std::uint32_t>(number_of(each, "column"))};
    text += escaped(to_string(Fault{at, std::string(each.at("text").as_string())})) + "\n";
  }
  for (const json::value& value : list_of(answer, "firewalls")) {
    text += escaped(std::string_view(value.as_string())) + "\n";
  }
  return text;
}

std::string flushed_text(const json::object& answer) {
  return counted(answer, "flushed", "answer") + " flushed\n";
}

std::string learnt_text(const json::object& policy) {
  const bool active = policy.contains("active") && policy.at("active").get_bool();
  const bool denies = policy.contains("denies") && policy.at("denies").get_bool();
  std::string text = fmt::format("policy {}: {}, {} recorded\n", text_of(policy, "policy"),
                                 !active  ? "not in learning mode"
                                 : denies ? "in learning mode, still enforced"
                                          : "in learning mode, resolving everything",
                                 counted(policy, "names", "name"));
  if (policy.contains("note")) text += fmt::format("note: {}\n", text_of(policy, "note"));
  return text;
}

std::string learning_text(const json::object& answer) {
  std::string text;
  for (const json::value& each : list_of(answer, "policies"))
    text += learnt_text(each.get_object());
  return text.empty() ? "no policy is in learning mode; `nxgate learn start` starts it\n" : text;
}

std::string list_text(const json::object& proposal) {
  return proposal.at("list").get_string().c_str();
}

std::string diff_text(const json::object& proposal) {
  return proposal.at("diff").get_string().c_str();
}

std::string event_text(std::string_view line, bool colour) {
  const auto event = parse_object(line);
  if (!event) return escaped(line);
  if (event->contains("dropped")) {
    return fmt::format("... {} events dropped", text_of(*event, "dropped"));
  }
  const std::string time = text_of(*event, "time");
  const std::string verdict = text_of(*event, "verdict");
  const std::string who =
      event->contains("container") ? text_of(*event, "container") : text_of(*event, "client");
  return fmt::format("{} {} {}{:<9}{} {:<8} {:<5} {} ({}, {:.3f} ms)",
                     time.size() > 19 ? time.substr(11, 8) : time, who,
                     colour ? colour_of(verdict) : "", verdict, colour ? "\x1b[0m" : "",
                     text_of(*event, "rcode"), text_of(*event, "type"), text_of(*event, "name"),
                     text_of(*event, "rule"), number_of(*event, "ms"));
}

}  // namespace nxgate::cli
