// Feeds hosts files to parse_hosts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/local_data.h"
#include "wire/name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nxgate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::uint64_t kKey = 0x9e3779b97f4a7c15;
  policy::LocalData local(kKey);
  static_cast<void>(policy::parse_hosts(text, "fuzz", local));
  for (const auto& owner : local.names()) {
    if (owner.wildcard || local.find(wire::SuffixHashes(owner.name, kKey)).empty()) std::abort();
  }
  return 0;
}
