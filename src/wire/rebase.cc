#include "wire/rebase.h"

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "wire/reader.h"
#include "wire/types.h"

namespace nxgate::wire {

bool rebase_owners(MutableBytes body, std::size_t made_for, std::size_t placed_at,
                   std::size_t qname_at) noexcept {
  std::size_t at = 0;
  while (at < body.size()) {
    while (at < body.size() && body[at] != 0 && body[at] < kPointerBits) at += 1U + body[at];
    Reader reader(body, at);
    if (at < body.size() && body[at] != 0) {
      const std::size_t old = reader.u16() & ~kPointer & 0xffffU;
      const std::size_t target = old == kHeaderSize ? qname_at : old - made_for + placed_at;
      if (!reader.ok() || (old != kHeaderSize && old < made_for) || target >= kPointer >> 2) {
        return false;
      }
      body[at] = static_cast<std::uint8_t>(kPointerBits | target >> 8);
      body[at + 1] = static_cast<std::uint8_t>(target);
    } else {
      reader.skip(1);
    }
    reader.skip(kTypeClassTtl);
    reader.skip(reader.u16());
    if (!reader.ok()) return false;
    at = reader.offset();
  }
  return true;
}

}  // namespace nxgate::wire
