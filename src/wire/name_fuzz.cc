// Reads a compressed name at an offset given by the first two bytes, and text from the rest; what
// is read must survive the way through its other forms.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "wire/name.h"

namespace {

using nxgate::wire::DomainName;

void round_trip(const DomainName& name) {
  const auto from_text = DomainName::from_text(name.to_text());
  const auto from_wire = DomainName::parse(name.wire());
  if (!from_text || !(*from_text == name) || !from_wire || !(*from_wire == name)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t offset = static_cast<std::size_t>(data[0]) << 8 | data[1];
  const nxgate::Bytes message(data + 2, size - 2);
  std::size_t end = 0;
  if (const auto name = DomainName::parse_compressed(message, offset, &end)) {
    if (end <= offset || end > message.size()) std::abort();
    round_trip(*name);
  }
  const std::string_view text(reinterpret_cast<const char*>(message.data()), message.size());
  if (const auto name = DomainName::from_text(text)) round_trip(*name);
  return 0;
}
