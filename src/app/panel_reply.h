// Requests and replies of the control panel.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "admin/control.h"
#include "base/escape.h"

namespace nxgate::app {

/// What the query of a request says, or `fallback` if it says nothing.
[[nodiscard]] inline std::string parameter(const admin::Request& request, const std::string& key,
                                           std::string_view fallback = {}) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? std::string(fallback) : found->second;
}

[[nodiscard]] inline admin::Reply reply_with(const boost::json::object& object) {
  return {.body = boost::json::serialize(object) + '\n'};
}

/// A status of 400 and more, and what is wrong.
[[nodiscard]] inline admin::Reply refuse(unsigned status, std::string_view error) {
  return {.status = status,
          .body = boost::json::serialize(boost::json::object{{"error", error}}) + '\n'};
}

[[nodiscard]] inline admin::Reply no_such_policy(const std::string& policy) {
  return refuse(404, "policy: " + quote(policy) + ": there is no such policy");
}

/// As RFC 3339 has it, in UTC.
[[nodiscard]] std::string time_text(std::chrono::system_clock::time_point at);

/// The name of who asks.
[[nodiscard]] std::string user_name(const admin::Peer& peer);

}  // namespace nxgate::app
