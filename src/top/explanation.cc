#include "top/explanation.h"

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/core.h>

#include "base/escape.h"
#include "base/json.h"

namespace nxgate::top {

namespace json = boost::json;

namespace {

constexpr std::string_view kExchange = "last_exchange";
constexpr std::string_view kFirewall = "firewall";

/// `192.0.2.53:53 (udp), 3 s ago: SERVFAIL, EDE 22 (No Reachable Authority)`.
std::string exchange_text(const json::object& last) {
  std::string text = fmt::format("{} ({}), {:.0f} s ago: ", text_of(last, "server"),
                                 text_of(last, "transport"), number_of(last, "seconds_ago"));
  text += text_of(last, last.contains("rcode") ? "rcode" : "failure");
  if (last.contains("extended_error")) {
    text += ", EDE " + text_of(last, "extended_error");
    if (last.contains("extended_error_name")) {
      text += " (" + text_of(last, "extended_error_name") + ")";
    }
  }
  return text;
}

std::string destination(const json::object& each) {
  return text_of(each, "address") + " " + text_of(each, "port");
}

void add_firewall(const json::object& firewall, std::vector<Finding>& all) {
  const bool audit = text_of(firewall, "mode") == "audit";
  for (const json::value& value : list_of(firewall, "open")) {
    const json::object& each = value.get_object();
    all.push_back({std::string(kFirewall),
                   fmt::format("{}: open for {:.0f} s more, by {}", destination(each),
                               number_of(each, "seconds_left"), text_of(each, "name"))});
  }
  for (const json::value& value : list_of(firewall, "refused")) {
    const json::object& each = value.get_object();
    all.push_back(
        {std::string(kFirewall),
         fmt::format("{}: {} in the last minute, packets: {}", destination(each),
                     audit ? "would have been refused" : "refused", text_of(each, "packets"))});
  }
  if (list_of(firewall, "open").empty()) {
    all.push_back({std::string(kFirewall), audit
                                               ? "nothing is open by this; an audit refuses nothing"
                                               : "nothing is open by this"});
  }
}

}  // namespace

std::vector<Finding> findings_of(const json::object& explanation) {
  std::vector<Finding> all;
  for (const auto& [what, value] : explanation) {
    if (!value.is_object() && !value.is_array())
      all.push_back({escaped(what), text_of(explanation, what)});
  }
  if (explanation.contains(kExchange)) {
    all.push_back({"exchange", exchange_text(part_of(explanation, kExchange))});
  } else if (explanation.contains("route")) {
    all.push_back({"exchange", "none is remembered: not asked upstream lately"});
  }
  for (const json::value& value : list_of(explanation, "addresses")) {
    const json::object& each = value.get_object();
    all.push_back(
        {"address", fmt::format("{}: {}, open for {:.0f} s more", text_of(each, "address"),
                                text_of(each, "verdict"), number_of(each, "seconds_left"))});
  }
  if (explanation.contains(kFirewall)) add_firewall(part_of(explanation, kFirewall), all);
  return all;
}

}  // namespace nxgate::top
