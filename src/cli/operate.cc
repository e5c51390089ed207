#include "cli/operate.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/core.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/json.h"
#include "cli/connection_text.h"
#include "cli/console.h"
#include "cli/control_place.h"
#include "cli/metrics_json.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/status_text.h"
#include "http/client.h"
#include "http/target.h"
#include "top/top.h"

namespace nxgate::cli {

namespace json = boost::json;

namespace {

/// A request, and how its answer reads.
struct Inquiry {
  std::string method = "GET";
  http::Target target;
  std::string body{};
  std::string (*text)(const json::object& answer) = nullptr;
};

std::string socket_of(const Options& options) {
  return options.control ? options.control->value : find_control_socket();
}

std::string rule_body(const Options& options, std::string_view action) {
  json::object body{{"action", action}, {"rule", options.name}, {"policy", options.policy}};
  if (!options.duration.empty()) body["for"] = options.duration;
  if (!options.why.empty()) body["why"] = options.why;
  if (options.save) body["save"] = true;
  return json::serialize(body);
}

Inquiry rule_inquiry(const Options& options, std::string_view action) {
  if (options.remove) {
    return {"DELETE",
            {"/v1/rules", {{"rule", options.name}, {"policy", options.policy}}},
            {},
            removed_text};
  }
  return {"POST", {"/v1/rules", {}}, rule_body(options, action), added_text};
}

struct Plain {
  Command command;
  const char* method;
  const char* path;
  std::string (*text)(const json::object& answer);
};

/// Requests without parameters.
constexpr Plain kPlain[] = {
    {Command::kStatus, "GET", "/v1/status", status_text},
    {Command::kRules, "GET", "/v1/rules", rules_text},
    {Command::kReload, "POST", "/v1/reload", reloaded_text},
    {Command::kAttachments, "GET", "/v1/attachments", attachments_text},
    {Command::kConnections, "GET", "/v1/connections", connections_text},
    {Command::kLearn, "GET", "/v1/learn", learning_text},
};

Inquiry health_inquiry(const Options& options) {
  Inquiry inquiry{"GET", {"/v1/health", {}}, {}, health_text};
  if (options.strict) inquiry.target.query["strict"] = "true";
  return inquiry;
}

Inquiry flush_inquiry(const Options& options) {
  const std::string name = options.name.empty() ? "." : options.name;
  return {"POST", {"/v1/flush", {{"name", name}}}, {}, flushed_text};
}

Inquiry explain_inquiry(const Options& options) {
  Inquiry inquiry{
      "GET", {"/v1/explain", {{"name", options.name}, {"type", options.type}}}, {}, explained_text};
  if (!options.connect.empty()) {
    inquiry.target = {"/v1/explain/connection", {{"connect", options.connect}}};
    if (!options.address.empty()) inquiry.target.query["address"] = options.address;
  }
  if (!options.client.empty()) inquiry.target.query["client"] = options.client;
  return inquiry;
}

Inquiry learn_inquiry(const Options& options, std::string_view action) {
  json::object body{{"action", action}, {"policy", options.policy}};
  if (options.denied) body["deny"] = true;
  return {"POST", {"/v1/learn", {}}, json::serialize(body), learnt_text};
}

Inquiry proposal_inquiry(const Options& options) {
  return {"GET",
          {"/v1/learn/proposal", {{"policy", options.policy}}},
          {},
          options.diff ? diff_text : list_text};
}

Inquiry inquiry_of(const Options& options) {
  if (options.command == Command::kAllow) return rule_inquiry(options, "allow");
  if (options.command == Command::kDeny) return rule_inquiry(options, "deny");
  if (options.command == Command::kHealth) return health_inquiry(options);
  if (options.command == Command::kFlush) return flush_inquiry(options);
  if (options.command == Command::kExplain) return explain_inquiry(options);
  if (options.command == Command::kLearnStart) return learn_inquiry(options, "start");
  if (options.command == Command::kLearnStop) return learn_inquiry(options, "stop");
  if (options.command == Command::kLearnForget) return learn_inquiry(options, "forget");
  if (options.command == Command::kLearnPropose) return proposal_inquiry(options);
  const Plain& plain = *std::ranges::find(kPlain, options.command, &Plain::command);
  return {plain.method, {plain.path, {}}, {}, plain.text};
}

int refused(const Options& options, const http::Answer& answer) {
  const auto object = parse_object(answer.body);
  if (options.json && object) {
    fmt::print("{}", answer.body);
  } else {
    if (object) fmt::print(stderr, "{}", faults_text(*object));
    (void)failed(http::refusal(answer));
  }
  return answer.status == 400 ? kUsage : kFailure;
}

int ask(const Options& options) {
  const Inquiry inquiry = inquiry_of(options);
  const auto answer =
      http::exchange(socket_of(options), inquiry.method, inquiry.target, inquiry.body);
  if (!answer) return failed(answer.error().message);
  if (!answer->good()) return refused(options, *answer);
  const auto object = parse_object(answer->body);
  if (!object) return failed("the server's reply is not JSON");
  fmt::print("{}", options.json ? answer->body : inquiry.text(*object));
  return kSuccess;
}

int watch(const Options& options) {
  http::Target target{.path = "/v1/watch", .query = {}};
  if (options.denied) target.query["denied"] = "true";
  if (!options.client.empty()) target.query["client"] = options.client;
  if (!options.watched_policy.empty()) target.query["policy"] = options.watched_policy;
  if (!options.name.empty()) target.query["name"] = options.name;
  const bool colour = !options.json && wants_colour(stdout);
  std::uint64_t left = options.count;
  bool more = true;
  const auto answer = http::listen(socket_of(options), target, [&](std::string_view line) {
    if (options.json) {
      fmt::print("{}\n", line);
    } else {
      fmt::print("{}\n", event_text(line, colour));
    }
    more = std::fflush(stdout) == 0 && (options.count == 0 || --left > 0);
    return more;
  });
  if (!answer) return failed(answer.error().message);
  if (!answer->good()) return refused(options, *answer);
  return more ? failed("the server has stopped") : kSuccess;
}

int show_top(const Options& options) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
    fmt::print(stderr, "nxgate top needs a terminal; use nxgate watch --json in a pipe\n");
    return kFailure;
  }
  const auto ended = top::show(socket_of(options), wants_colour(stdout));
  return ended ? kSuccess : failed(ended.error().message);
}

int print_metrics(const Options& options) {
  const auto answer = http::ask(socket_of(options), "GET", {"/metrics", {}});
  if (!answer) return failed(answer.error().message);
  if (options.json) {
    fmt::print("{}\n", json::serialize(json::object{{"metrics", samples_of(*answer)}}));
  } else {
    fmt::print("{}", *answer);
  }
  return kSuccess;
}

}  // namespace

int operate(const Options& options) {
  if (options.command == Command::kWatch) return watch(options);
  if (options.command == Command::kTop) return show_top(options);
  if (options.command == Command::kMetrics) return print_metrics(options);
  return ask(options);
}

}  // namespace nxgate::cli
