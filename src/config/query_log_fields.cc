#include <array>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include <sys/un.h>
#include <toml++/toml.h>

#include "base/address.h"
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
  return fail(in_quotes(text) + ": expected all, denied or first-seen");
}

Result<std::string> parse_log_path(std::string_view text) {
  if (text.empty() || text == "-" || text.starts_with('/')) return std::string(text);
  return fail(in_quotes(text) + ": expected the full path of a file, or - for standard output");
}

void read_skip(Reading& reading, const toml::node& node, QueryLogSettings& into) {
  reading.each(node, [&](const Text& text) {
    const auto name = parse_domain(text.value);
    if (!name) return reading.context.fault(text.at, name.error().message);
    into.skip.push_back(*name);
  });
}

using DnstapReader = std::variant<std::string, Endpoint>;

Result<DnstapReader> parse_reader(std::string_view text) {
  if (text.empty()) return DnstapReader{};
  if (text.starts_with('/')) {
    if (text.size() < sizeof(sockaddr_un::sun_path)) return std::string(text);
    return fail(in_quotes(text) + ": too long for the path of a socket");
  }
  const auto endpoint = Endpoint::parse(text, 0);
  if (endpoint && endpoint->port != 0) return *endpoint;
  return fail(in_quotes(text) +
              ": expected the full path of a unix socket, or address:port for TCP");
}

Result<DnstapMessages> parse_messages(std::string_view text) {
  if (text == "both") return DnstapMessages::kBoth;
  if (text == "queries") return DnstapMessages::kQueries;
  if (text == "responses") return DnstapMessages::kResponses;
  return fail(in_quotes(text) + ": expected both, queries or responses");
}

constexpr std::array<Field<DnstapSettings>, 4> kDnstap{{
    {"to", "path or address", "\"\"",
     "Where a reader of dnstap listens: the full path of a unix socket, which `server.user` must "
     "be able to write to, or `address:port` for TCP. The empty text is none.",
     read_value<&DnstapSettings::to, parse_reader>},
    {"identity", "text", "\"\"",
     "The server's name in each message; the empty text is the name of the host.",
     read_value<&DnstapSettings::identity, parse_text>},
    {"version", "text", "\"\"",
     "The server's version in each message; the empty text is that of nxgate.",
     read_value<&DnstapSettings::version, parse_text>},
    {"messages", "word", "\"both\"",
     "Of each answered question the `queries` (CLIENT_QUERY), the `responses` (CLIENT_RESPONSE, "
     "which have the query too) or `both`.",
     read_value<&DnstapSettings::messages, parse_messages>},
}};

void read_dnstap(Reading& reading, const toml::node& node, QueryLogSettings& into) {
  if (const auto* const table = reading.table(node)) {
    read_table<DnstapSettings>(reading, *table, dnstap_fields(), into.dnstap);
  }
}

constexpr std::array<Field<QueryLogSettings>, 6> kQueryLog{{
    {"path", "path", "\"\"",
     "A file to which a line of JSON is appended for each answered question; `-` is standard "
     "output, the empty text is none. SIGUSR1 opens it anew, as after a rotation.",
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
     "name. In dnstap there is no address at all then.",
     read_value<&QueryLogSettings::hash_clients, parse_flag>,
     same_value<&QueryLogSettings::hash_clients>},
    {"dnstap", "table", "{}", "The same as a stream for programs (see below).", read_dnstap,
     same_value<&QueryLogSettings::dnstap>},
}};

}  // namespace

std::span<const Field<DnstapSettings>> dnstap_fields() { return kDnstap; }
std::span<const Field<QueryLogSettings>> query_log_fields() { return kQueryLog; }

}  // namespace nxgate::config
