#include "cli/forwarded_port.h"

#include <string_view>

#include "base/address.h"
#include "base/error.h"
#include "config/context.h"

namespace nxgate::cli {

Result<ForwardedPort> parse_forwarded_port(std::string_view text) {
  const auto colon = text.find(':');
  const auto host = parse_port(text.substr(0, colon));
  const auto inside = colon == std::string_view::npos ? host : parse_port(text.substr(colon + 1));
  if (host && inside) return ForwardedPort{*host, *inside};
  return fail(
      config::in_quotes(text) +
      ": expected a port, or HOST:INSIDE with the host's and the sandbox's, such as 8080:80");
}

}  // namespace nxgate::cli
