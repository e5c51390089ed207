#include "top/view.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/json.h"
#include "top/explanation.h"
#include "top/model.h"

namespace nxgate::top {

namespace json = boost::json;

namespace {

constexpr std::size_t kLongestFilter = 60;

std::string_view key_of(const NameRow& row) { return row.last->key; }
std::string_view key_of(const ClientRow& row) { return row.client; }

template <class Row, class Choice>
std::size_t index_of(const std::vector<Row>& rows, const Choice& choice) {
  const auto found =
      std::ranges::find_if(rows, [&](const Row& row) { return key_of(row) == choice.key; });
  if (!choice.key.empty() && found != rows.end()) {
    return static_cast<std::size_t>(found - rows.begin());
  }
  return std::min(choice.index, rows.empty() ? 0 : rows.size() - 1);
}

template <class Row, class Choice>
void step(const std::vector<Row>& rows, Choice& choice, std::ptrdiff_t by) {
  if (rows.empty()) return;
  const auto last = static_cast<std::ptrdiff_t>(rows.size()) - 1;
  const auto now = static_cast<std::ptrdiff_t>(index_of(rows, choice));
  choice.index = static_cast<std::size_t>(std::clamp(now + by, std::ptrdiff_t{0}, last));
  choice.key = key_of(rows[choice.index]);
}

/// Whether it reads as a rule about itself and nothing else: clients may ask for `*.com`.
bool is_plain(std::string_view name) {
  return name != "." && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

Inquiry explain_connection(const Denial& last) {
  const std::size_t colon = last.server.rfind(':');
  std::string address = last.server.substr(0, colon);
  if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
  const bool named = last.name != last.server;
  return {"GET",
          {"/v1/explain/connection",
           {{"connect", named ? last.name + last.server.substr(colon) : last.server},
            {"address", address},
            {"client", last.client}}},
          {}};
}

std::vector<std::string> lines_of(const json::object& explanation) {
  std::vector<std::string> lines;
  for (const Finding& each : findings_of(explanation)) {
    lines.push_back(fmt::format("{:<9}{}", each.what, each.text));
  }
  return lines;
}

std::string added_text(const json::object& rule) {
  const auto more = [&](const char* key, const char* before) {
    return rule.contains(key) ? before + text_of(rule, key) : "";
  };
  return fmt::format("done: {} {} in the policy {}{}{}{}", text_of(rule, "action"),
                     text_of(rule, "rule"), text_of(rule, "policy"), more("until", " until "),
                     more("saved", ", saved in "), more("note", "; "));
}

}  // namespace

std::vector<NameRow> View::names(const Model& model) const { return model.names(filter_, client_); }
std::vector<ClientRow> View::clients(const Model& model) const { return model.clients(client_); }

std::size_t View::chosen(const std::vector<NameRow>& rows) const { return index_of(rows, name_); }
std::size_t View::chosen(const std::vector<ClientRow>& rows) const {
  return index_of(rows, asker_);
}

std::string View::prompt() const {
  switch (mode_) {
    case Mode::kFilter:
      return "names with: " + filter_ + "_";
    case Mode::kQuestion:
      return question_ + " (y/n)";
    case Mode::kLists:
      break;
  }
  return message_;
}

Step View::press(Press press, const Model& model) {
  if (mode_ == Mode::kFilter) return press_in_filter(press);
  if (mode_ == Mode::kQuestion) return press_in_question(press);
  return press_in_lists(press, model);
}

Step View::press_in_filter(Press press) {
  const bool letter = press.key == Key::kCharacter;
  if (letter && filter_.size() < kLongestFilter) {
    // Names are told in lower case.
    const bool upper = press.character >= 'A' && press.character <= 'Z';
    filter_ += static_cast<char>(upper ? press.character - 'A' + 'a' : press.character);
  }
  if (press.key == Key::kBackspace && !filter_.empty()) filter_.pop_back();
  if (press.key == Key::kEscape) filter_.clear();
  if (press.key == Key::kEscape || press.key == Key::kEnter) mode_ = Mode::kLists;
  return {};
}

Step View::press_in_question(Press press) {
  mode_ = Mode::kLists;
  if (press.key != Key::kCharacter || (press.character != 'y' && press.character != 'Y')) {
    message_ = "nothing was changed";
    return {};
  }
  message_ = "asking the server";
  return std::exchange(inquiry_, {});
}

Step View::press_in_lists(Press press, const Model& model) {
  message_.clear();
  if (!pane_.empty()) {
    const bool quits = press.key == Key::kCharacter && press.character == 'q';
    pane_.clear();
    return quits ? Step(Quit{}) : Step();
  }
  if (press.key == Key::kUp) move(-1, model);
  if (press.key == Key::kDown) move(1, model);
  if (press.key == Key::kTab) list_ = list_ == List::kNames ? List::kClients : List::kNames;
  return press.key == Key::kCharacter ? press_letter(press.character, model) : Step();
}

Step View::press_letter(char letter, const Model& model) {
  switch (letter) {
    case 'q':
      return Quit{};
    case 'r':
      name_ = {};
      asker_ = {};
      return Reset{};
    case '/':
      mode_ = Mode::kFilter;
      return {};
    case 'c':
      toggle_client(model);
      return {};
    case 'e':
      return explain(model);
    case 'a':
    case 'A':
    case 'd':
      return rule_change(letter, model);
    default:
      return {};
  }
}

void View::move(std::ptrdiff_t by, const Model& model) {
  if (list_ == List::kNames) {
    step(names(model), name_, by);
  } else {
    step(clients(model), asker_, by);
  }
}

/// The client of the chosen line, or all of them again.
void View::toggle_client(const Model& model) {
  if (!client_.empty()) {
    client_.clear();
    return;
  }
  if (list_ == List::kClients) {
    const auto rows = clients(model);
    if (!rows.empty()) client_ = rows[chosen(rows)].client;
  } else if (const Denial* const last = chosen_name(model)) {
    client_ = last->client;
  }
}

/// Nothing, and says so, if there is none.
const Denial* View::chosen_name(const Model& model) {
  const auto rows = names(model);
  if (list_ == List::kNames && !rows.empty()) return rows[chosen(rows)].last;
  message_ = rows.empty() ? "no name was denied yet" : "select a name first: tab changes the list";
  return nullptr;
}

Step View::rule_change(char letter, const Model& model) {
  const Denial* const last = chosen_name(model);
  if (last == nullptr) return {};
  if (last->policy.empty()) {
    message_ = "no policy covers this client, so there is none to add a rule to";
    return {};
  }
  if (!is_plain(last->name)) {
    message_ = "this name can't be written as a rule";
    return {};
  }
  const std::string rule = "=" + last->name;
  json::object body{{"action", letter == 'd' ? "deny" : "allow"},
                    {"rule", rule},
                    {"policy", last->policy},
                    {"why", "nxgate top"}};
  if (letter == 'a') body["for"] = "10m";
  if (letter == 'A') body["save"] = true;
  inquiry_ = {"POST", {"/v1/rules", {}}, json::serialize(body)};
  question_ =
      fmt::format("{} {} in the policy {}{}?", letter == 'd' ? "deny" : "allow", rule, last->policy,
                  letter == 'a'   ? " for 10 minutes"
                  : letter == 'A' ? " and save that"
                                  : "");
  mode_ = Mode::kQuestion;
  return {};
}

Step View::explain(const Model& model) {
  const Denial* const last = chosen_name(model);
  if (last == nullptr) return {};
  message_ = "asking the server";
  if (!last->server.empty()) return explain_connection(*last);
  return Inquiry{
      "GET",
      {"/v1/explain", {{"name", last->name}, {"type", last->type}, {"client", last->client}}},
      {}};
}

void View::answer(const Result<std::string>& answer) {
  if (!answer) {
    message_ = escaped(answer.error().message);
  } else if (const auto object = parse_object(*answer)) {
    const bool is_rule = object->contains("action");
    message_ = is_rule ? added_text(*object) : "";
    if (!is_rule) pane_ = lines_of(*object);
  }
}

}  // namespace nxgate::top
