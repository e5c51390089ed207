// Requests and replies of the control API.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/escape.h"
#include "http/control.h"

namespace nxgate::control {

/// What the query of a request says, or `fallback` if it says nothing.
[[nodiscard]] inline std::string parameter(const http::Request& request, const std::string& key,
                                           std::string_view fallback = {}) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? std::string(fallback) : found->second;
}

[[nodiscard]] inline http::Reply reply_with(const boost::json::object& object) {
  return {.body = boost::json::serialize(object) + '\n'};
}

/// An error status (400 or higher) and message.
[[nodiscard]] inline http::Reply refuse(unsigned status, std::string_view error) {
  return {.status = status,
          .body = boost::json::serialize(boost::json::object{{"error", error}}) + '\n'};
}

[[nodiscard]] inline http::Reply no_such_policy(const std::string& policy) {
  return refuse(404, "policy: " + quote(policy) + ": no such policy");
}

[[nodiscard]] inline http::Reply not_attached(const std::string& client) {
  return refuse(404, "client: " + quote(client) +
                         ": neither an address nor the name of an attached container; `nxgate "
                         "attachments` lists them");
}

/// As RFC 3339 has it, in UTC.
[[nodiscard]] std::string time_text(std::chrono::system_clock::time_point at);

/// The name of who asks.
[[nodiscard]] std::string user_name(const http::Peer& peer);

}  // namespace nxgate::control
