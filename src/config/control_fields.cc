#include <array>
#include <span>
#include <string>
#include <string_view>

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

void read_socket(Reading& reading, const toml::node& node, ControlSettings& into) {
  if (const auto text = reading.scalar(node)) {
    into.socket = text->value;
    into.implied = false;
  }
}

Result<std::optional<Endpoint>> parse_metrics(std::string_view text) {
  const auto endpoint = Endpoint::parse(text, 0);
  if (endpoint && endpoint->port != 0) return std::optional(*endpoint);
  return fail(in_quotes(text) + ": expected an address and a port, such as 127.0.0.1:9153");
}

Result<std::string> parse_directory(std::string_view text) {
  if (text.empty() || text.starts_with('/')) return std::string(text);
  return fail(in_quotes(text) + ": expected the full path of a directory");
}

constexpr std::array<Field<ControlSettings>, 4> kControl{{
    {"socket", "path", "\"/run/nxgate/control.sock\"",
     "Unix socket for `nxgate status` and the other commands that talk to the server; empty for "
     "none. An ordinary user's is `nxgate/control.sock` below XDG_RUNTIME_DIR by default.",
     read_socket, same_value<&ControlSettings::socket>},
    {"group", "group name", "\"\"",
     "Group whose members may use the socket, besides root and the user who started nxgate.",
     read_value<&ControlSettings::group, parse_text>, same_value<&ControlSettings::group>},
    {"metrics", "address", "\"\"",
     "Address to serve metrics on over HTTP at `/metrics`, and nothing else: `address:port`. The "
     "socket serves them as well.",
     read_value<&ControlSettings::metrics, parse_metrics>, same_value<&ControlSettings::metrics>},
    {"state", "path", "\"\"",
     "Directory for what survives a restart: rules of `nxgate allow --save` and what was learnt. "
     "Its lists `POLICY/allow.d/saved.list` and `POLICY/deny.d/saved.list` belong to the policies. "
     "Empty for none.",
     read_value<&ControlSettings::state, parse_directory>, same_value<&ControlSettings::state>},
}};

}  // namespace

std::span<const Field<ControlSettings>> control_fields() { return kControl; }

}  // namespace nxgate::config
