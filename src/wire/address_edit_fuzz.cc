// Throws replies at the editor: what it lets out parses again, is no longer than before, holds no
// address that must not be told, and leads just where the editor says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/address.h"
#include "wire/address_edit.h"

namespace {

using namespace nxgate;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Prefix> never{*Prefix::parse("10.0.0.0/8"), *Prefix::parse("fd00::/8")};
  if (size < 1) return 0;
  const wire::AddressEdit edit{.never = never,
                               .strip_hints = (data[0] & 1) != 0,
                               .strip_ech = (data[0] & 2) != 0,
                               .largest_ttl = 300};
  std::vector<std::uint8_t> message(data + 1, data + size);
  std::vector<wire::FoundAddress> found;
  const wire::EditedReply edited = wire::edit_addresses(message, edit, found);
  if (edited.size == 0) return 0;
  require(edited.size <= message.size());
  message.resize(edited.size);
  const std::vector<std::uint8_t> once = message;

  std::vector<wire::FoundAddress> again;
  const wire::EditedReply second = wire::edit_addresses(message, edit, again);
  require(second.size == once.size() && second.cut == 0 && message == once);
  require(again.size() == found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    require(again[i].address == found[i].address && again[i].ttl == found[i].ttl);
    require(found[i].ttl <= 300 && !wire::leads_into(found[i].address, never));
  }
  return 0;
}
