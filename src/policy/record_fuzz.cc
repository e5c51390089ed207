// Feeds one record to parse_record.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/local_data.h"
#include "wire/types.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nxgate;
  const auto parsed = policy::parse_record({reinterpret_cast<const char*>(data), size});
  if (!parsed) {
    if (parsed.error().message.empty()) std::abort();
    return 0;
  }
  const auto& record = parsed->record;
  if (wire::is_meta(record.type) || record.ttl > wire::kLargestTtl) std::abort();
  if (record.rdata.size() > 65'000) std::abort();
  if (record.type == wire::Type::kA && record.rdata.size() != 4) std::abort();
  if (record.type == wire::Type::kAaaa && record.rdata.size() != 16) std::abort();
  return 0;
}
