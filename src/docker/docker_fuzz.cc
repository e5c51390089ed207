// Any text as an answer of the engine: never a crash, and nothing that breaks a promise.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "docker/container.h"

namespace {

void check(const nxgate::docker::Container& container) {
  if (container.id.size() != 64) std::abort();
  if (!container.running && container.pid != 0) std::abort();
  for (const nxgate::docker::Membership& membership : container.networks) {
    if (container.inspected && membership.names.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto inspected = nxgate::docker::parse_inspect(text);
  if (inspected) check(*inspected);
  const auto listed = nxgate::docker::parse_list(text);
  if (listed) {
    for (const nxgate::docker::Container& container : *listed) check(container);
  }
  const auto event = nxgate::docker::parse_event(text);
  if (event && event->type == "container" && event->container.size() != 64) std::abort();
  if (!inspected && inspected.error().message.empty()) std::abort();
  return 0;
}
