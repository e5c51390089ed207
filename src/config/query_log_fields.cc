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
     "Where the dnstap reader listens: the full path of a unix socket that `server.user` can write "
     "to, or `address:port` for TCP. Empty for none.",
     read_value<&DnstapSettings::to, parse_reader>},
    {"identity", "text", "\"\"", "Server name in each message; empty for the host name.",
     read_value<&DnstapSettings::identity, parse_text>},
    {"version", "text", "\"\"", "Server version in each message; empty for nxgate's version.",
     read_value<&DnstapSettings::version, parse_text>},
    {"messages", "word", "\"both\"",
     "For each answered query: `queries` (CLIENT_QUERY), `responses` (CLIENT_RESPONSE, which "
     "include the query) or `both`.",
     read_value<&DnstapSettings::messages, parse_messages>},
}};

void read_dnstap(Reading& reading, const toml::node& node, QueryLogSettings& into) {
  if (const auto* const table = reading.table(node)) {
    read_table<DnstapSettings>(reading, *table, dnstap_fields(), into.dnstap);
  }
}

constexpr std::array<Field<QueryLogSettings>, 6> kQueryLog{{
    {"path", "path", "\"\"",
     "File to append a line of JSON to for each answered query, and for each connection whose "
     "name is checked; `-` for standard output, empty for "
     "none. SIGUSR1 reopens it, as after a rotation.",
     read_value<&QueryLogSettings::path, parse_log_path>, same_value<&QueryLogSettings::path>},
    {"queries", "word", "\"all\"",
     "Which of them are logged: `all`, only `denied` ones, or `first-seen`: the first query of "
     "each client for a name, and its first connections there.",
     read_value<&QueryLogSettings::queries, parse_which>, same_value<&QueryLogSettings::queries>},
    {"sample", "number", "1", "Log one in N of those.",
     read_value<&QueryLogSettings::sample, parse_within<1, 1'000'000>>,
     same_value<&QueryLogSettings::sample>},
    {"skip", "list of names", "[]", "Names that aren't logged, each with everything below it.",
     read_skip, same_value<&QueryLogSettings::skip>},
    {"hash-clients", "true or false", "false",
     "Log a keyed hash instead of the client's address, with a new key at each start, and no "
     "container name. dnstap messages then have no address at all.",
     read_value<&QueryLogSettings::hash_clients, parse_flag>,
     same_value<&QueryLogSettings::hash_clients>},
    {"dnstap", "table", "{}", "The same log as a dnstap stream (see below).", read_dnstap,
     same_value<&QueryLogSettings::dnstap>},
}};

}  // namespace

std::span<const Field<DnstapSettings>> dnstap_fields() { return kDnstap; }
std::span<const Field<QueryLogSettings>> query_log_fields() { return kQueryLog; }

}  // namespace nxgate::config
