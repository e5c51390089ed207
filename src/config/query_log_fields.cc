#include <array>
#include <span>
#include <string>
#include <string_view>

#include <toml++/toml.h>

#include "base/error.h"
#include "config/context.h"
#include "config/fields.h"
#include "config/reading.h"
#include "config/settings.h"
#include "config/value.h"

namespace nxgate::config {
namespace {

Result<LoggedQueries> parse_which(std::string_view text) {
  if (text == "all") return LoggedQueries::kAll;
  if (text == "denied") return LoggedQueries::kDenied;
  if (text == "first-seen") return LoggedQueries::kFirstSeen;
  return fail(quoted(text) + ": expected all, denied or first-seen");
}

Result<std::string> parse_log_path(std::string_view text) {
  if (text.empty() || text == "-" || text.starts_with('/')) return std::string(text);
  return fail(quoted(text) + ": expected the full path of a file, or - for standard output");
}

void read_skip(Reading& reading, const toml::node& node, QueryLogSettings& into) {
  reading.each(node, [&](const Text& text) {
    const auto name = parse_domain(text.value);
    if (!name) return reading.context.fault(text.at, name.error().message);
    into.skip.push_back(*name);
  });
}

constexpr std::array<Field<QueryLogSettings>, 5> kQueryLog{{
    {"path", "path", "\"\"",
     "A file to which a line of JSON is appended for each answered question; `-` is standard "
     "output, "
     "the empty text is none. SIGUSR1 opens it anew, as after a rotation.",
     read_value<&QueryLogSettings::path, parse_log_path>, same_value<&QueryLogSettings::path>},
    {"queries", "word", "\"all\"",
     "`all`, only those that are `denied`, or the `first-seen` question of each client for a name.",
     read_value<&QueryLogSettings::queries, parse_which>, same_value<&QueryLogSettings::queries>},
    {"sample", "number", "1", "Log one in so many of those.",
     read_value<&QueryLogSettings::sample, parse_within<1, 1'000'000>>,
     same_value<&QueryLogSettings::sample>},
    {"skip", "list of names", "[]", "Leave out these names, each with all below it.", read_skip,
     same_value<&QueryLogSettings::skip>},
    {"hash-clients", "true or false", "false",
     "Write a keyed hash for a client's address, of a new key at each start, and no container's "
     "name.",
     read_value<&QueryLogSettings::hash_clients, parse_flag>,
     same_value<&QueryLogSettings::hash_clients>},
}};

}  // namespace

std::span<const Field<QueryLogSettings>> query_log_fields() { return kQueryLog; }

}  // namespace nxgate::config
