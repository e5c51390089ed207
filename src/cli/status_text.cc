#include "cli/status_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

#include "base/json.h"
#include "cli/help.h"
#include "cli/lines.h"

namespace nxgate::cli {

namespace json = boost::json;

namespace {

/// Before what is said of it.
constexpr std::size_t kLabelWidth = 12;

std::string line(std::string_view what, std::string_view value) {
  return fmt::format("{:<12}{}\n", what, value);
}

std::string mebibytes(double bytes) { return fmt::format("{:.1f} MiB", bytes / (1 << 20)); }

std::string uptime_text(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds);
  const std::int64_t days = total / 86400;
  const std::string clock =
      fmt::format("{}:{:02}:{:02}", total / 3600 % 24, total / 60 % 60, total % 60);
  return days == 0 ? clock : fmt::format("{} d {}", days, clock);
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

std::string upstreams_text(const json::object& status) {
  std::string text;
  for (const json::value& group : list_of(status, "upstreams")) {
    const json::object& each = group.get_object();
    for (const json::value& server : list_of(each, "servers")) {
      const json::object& one = server.get_object();
      const double rtt = number_of(one, "rtt_ms");
      const std::string quirks = joined(list_of(one, "quirks"));
      text +=
          line("upstream",
               fmt::format("{}: {}{}, {}{}{}", text_of(each, "name"), text_of(one, "address"),
                           each.contains("netns") ? "@" + text_of(each, "netns") : "",
                           text_of(one, "state"), rtt == 0 ? "" : fmt::format(", {:.1f} ms", rtt),
                           quirks.empty() ? "" : ", " + quirks));
    }
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

std::string head_text(const json::object& status) {
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
  return text;
}

std::string policies_text(const json::object& status) {
  std::string text;
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
  return text;
}

std::string relay_text(const json::object& status) {
  const json::object& connections = part_of(status, "connections");
  return line("connections",
              fmt::format("{} open, {} opened, {} denied, {} failed, {} turned away",
                          text_of(connections, "open"), text_of(connections, "opened"),
                          text_of(connections, "denied"), text_of(connections, "failed"),
                          text_of(connections, "turned_away")));
}

std::string dnstap_text(const json::object& status) {
  if (!status.contains("dnstap")) return {};
  const json::object& dnstap = part_of(status, "dnstap");
  return line("dnstap", fmt::format("{} to {}, {} lost{}", text_of(dnstap, "sent"),
                                    text_of(dnstap, "reader"), text_of(dnstap, "lost"),
                                    dnstap.at("connected").as_bool() ? "" : ", not connected"));
}

/// Those that have counted anything.
std::string totals_text(const json::object& status) {
  std::string text;
  for (const auto& [name, count] : part_of(status, "totals")) {
    if (count.to_number<double>() == 0) continue;
    std::string words(name);
    std::ranges::replace(words, '_', ' ');
    text += line(text.empty() ? "total" : "", fmt::format("{} {}", json::serialize(count), words));
  }
  return text;
}

}  // namespace

std::string status_text(const json::object& status) {
  const json::object& rates = part_of(status, "rates");
  const json::object& cache = part_of(status, "cache");
  std::string text = head_text(status) + policies_text(status) + upstreams_text(status) +
                     firewalls_text(status) + standing_text(status);
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
  return text + relay_text(status) + dnstap_text(status) + totals_text(status);
}

std::string health_text(const json::object& health) {
  return text_of(health, "status") + "\n" + standing_text(health);
}

}  // namespace nxgate::cli
