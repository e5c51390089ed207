// Any text as the target of a request: never a crash, and what is parsed comes back the same when
// it is written and parsed again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using nxgate::http::parse_target;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = parse_target(text)) {
    const auto again = parse_target(to_string(*target));
    if (!again || again->path != target->path || again->query != target->query) std::abort();
  }
  const std::string any = "/" + std::string(text);
  const auto encoded = parse_target(nxgate::http::percent_encode(any, "/"));
  if (!encoded || encoded->path != any || !encoded->query.empty()) std::abort();
  return 0;
}
