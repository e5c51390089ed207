// What a running server answers, as text for a terminal of 80 columns.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace nxgate::cli {

/// Whether to write in colour: to a terminal, and unless NO_COLOR is set (no-color.org).
[[nodiscard]] bool wants_colour(std::FILE* out);

// Each takes the object that the path of its command answers with.

[[nodiscard]] std::string attachments_text(const boost::json::object& answer);
[[nodiscard]] std::string explained_text(const boost::json::object& facts);
[[nodiscard]] std::string rules_text(const boost::json::object& answer);
[[nodiscard]] std::string added_text(const boost::json::object& rule);
[[nodiscard]] std::string removed_text(const boost::json::object& answer);
[[nodiscard]] std::string reloaded_text(const boost::json::object& answer);
/// Of a refusal, or of a reload whose firewalls failed; a line each.
[[nodiscard]] std::string faults_text(const boost::json::object& answer);
[[nodiscard]] std::string flushed_text(const boost::json::object& answer);

[[nodiscard]] std::string learning_text(const boost::json::object& answer);
[[nodiscard]] std::string learnt_text(const boost::json::object& policy);
[[nodiscard]] std::string list_text(const boost::json::object& proposal);
[[nodiscard]] std::string diff_text(const boost::json::object& proposal);

/// A line of `watch` from a line of JSON.
[[nodiscard]] std::string event_text(std::string_view line, bool colour);

}  // namespace nxgate::cli
