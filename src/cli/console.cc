#include "cli/console.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/json.h"
#include "cli/connection_text.h"
#include "cli/help.h"
#include "cli/lines.h"
#include "top/explanation.h"

namespace nxgate::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kNameWidth = 25;

std::string rule_text(const json::object& rule) {
  return fmt::format("{} {} in the policy {}{}", text_of(rule, "action"), text_of(rule, "rule"),
                     text_of(rule, "policy"),
                     rule.contains("until") ? " until " + text_of(rule, "until") : "");
}

std::string answer_text(const json::object& event) {
  return fmt::format("{:<8} {:<5} {} ({}, {:.3f} ms)", text_of(event, "rcode"),
                     text_of(event, "type"), text_of(event, "name"), text_of(event, "rule"),
                     number_of(event, "ms"));
}

/// By the result of a query or a connection.
std::string_view colour_of(std::string_view verdict) {
  if (verdict == "denied" || verdict == "prohibited") return "\x1b[31m";
  if (verdict == "nodata" || verdict == "failed" || verdict == "stale") return "\x1b[33m";
  return "\x1b[32m";
}

}  // namespace

bool wants_colour(std::FILE* out) {
  // Before there is another thread.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const no_colour = std::getenv("NO_COLOR");
  return ::isatty(::fileno(out)) != 0 && (no_colour == nullptr || *no_colour == '\0');
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
  constexpr std::size_t kLabelWidth = 9;
  std::string text;
  for (const top::Finding& each : top::findings_of(facts)) {
    text += wrapped_line(each.what, each.text, kLabelWidth);
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
  const std::string who =
      event->contains("container") ? text_of(*event, "container") : text_of(*event, "client");
  const bool is_connection = event->contains("server");
  const std::string result = is_connection ? text_of(*event, "what") : text_of(*event, "verdict");
  return fmt::format("{} {} {}{:<9}{} {}", time.size() > 19 ? time.substr(11, 8) : time, who,
                     colour ? colour_of(result) : "", result, colour ? "\x1b[0m" : "",
                     is_connection ? connection_text(*event) : answer_text(*event));
}

}  // namespace nxgate::cli
