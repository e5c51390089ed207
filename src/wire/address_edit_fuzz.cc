// Edits replies and reads them again with other eyes. The first byte picks what is asked for, the
// rest is the message, made a reply with one question; what RecordIndex refuses is passed over.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "base/special_addresses.h"
#include "wire/address_edit.h"
#include "wire/name.h"
#include "wire/reader.h"
#include "wire/record_index.h"

namespace {

using namespace nxgate;
using namespace nxgate::wire;

constexpr std::uint32_t kUnbounded = 0xffff'ffff;

void require(bool holds) {
  if (!holds) std::abort();
}

/// What stands in a reply's answer section.
struct Seen {
  std::vector<FoundAddress> addresses;
  std::vector<DomainName> owners;
  std::uint32_t largest_ttl = 0;
  bool hints = false;
  bool ech = false;
};

void see_addresses(Bytes bytes, std::size_t size, std::uint32_t ttl, Seen& seen) {
  for (; bytes.size() >= size; bytes = bytes.subspan(size)) {
    seen.addresses.push_back({IpAddress::from_bytes(bytes.first(size)).value(), ttl});
  }
}

void see_service(Bytes rdata, std::uint32_t ttl, Seen& seen) {
  constexpr std::size_t kPriority = 2;
  std::size_t params_at = 0;
  if (!DomainName::parse_compressed(rdata, kPriority, &params_at)) return;
  Reader reader(rdata, params_at);
  while (reader.remaining() != 0) {
    const std::uint16_t key = reader.u16();
    const Bytes value = reader.bytes(reader.u16());
    if (key == 4) see_addresses(value, 4, ttl, seen);
    if (key == 6) see_addresses(value, 16, ttl, seen);
    seen.hints = seen.hints || key == 4 || key == 6;
    seen.ech = seen.ech || key == 5;
  }
}

/// Empty if `message` is not a reply.
std::optional<Seen> see(Bytes message) {
  std::size_t question_end = 0;
  if (!DomainName::parse_compressed(message, kHeaderSize, &question_end)) return std::nullopt;
  question_end += 4;
  if (question_end > message.size()) return std::nullopt;
  RecordIndex index;
  if (!index.read(message, question_end, Class::kIn)) return std::nullopt;
  Seen seen;
  for (const IndexedRecord& record : index.records()) {
    seen.owners.push_back(index.owner(record));
    if (record.authority) continue;
    const std::uint32_t ttl = Reader(message, record.rdata_at - 6U).u32();
    seen.largest_ttl = std::max(seen.largest_ttl, ttl);
    const Bytes rdata = message.subspan(record.rdata_at, record.rdata_size);
    if (record.type == Type::kA) see_addresses(rdata, 4, ttl, seen);
    if (record.type == Type::kAaaa) see_addresses(rdata, 16, ttl, seen);
    if (record.type == Type::kSvcb || record.type == Type::kHttps) see_service(rdata, ttl, seen);
  }
  return seen;
}

bool is_cut_out(const FoundAddress& found, const AddressEdit& edit) {
  const auto is_cut = [&edit](const IpAddress& address) {
    return (edit.never_private && is_private(address)) ||
           std::ranges::any_of(edit.never,
                               [&](const Prefix& prefix) { return prefix.contains(address); });
  };
  return is_cut(found.address) || std::ranges::any_of(EmbeddedAddresses(found.address), is_cut);
}

/// Whether `names` are some of `all`, in the same order.
bool are_among(const std::vector<DomainName>& names, const std::vector<DomainName>& all) {
  auto at = all.begin();
  for (const DomainName& name : names) {
    at = std::find(at, all.end(), name);
    if (at == all.end()) return false;
    ++at;
  }
  return true;
}

/// Nothing that had to go is left, what is left was there before, a second edit changes nothing.
void check(MutableBytes message, const Seen& before, const AddressEdit& edit,
           const EditedReply& edited, const std::vector<FoundAddress>& found) {
  const bool lowers = edit.largest_ttl != kUnbounded;
  const auto after = see(message);
  // An owner that points to a TTL, which no reply of ours has, is another one when that is lowered.
  require(after || lowers);
  if (!after) return;
  require(lowers || are_among(after->owners, before.owners));
  require(after->addresses == found);
  require(after->largest_ttl <= edit.largest_ttl);
  require(!(edit.strip_hints && after->hints) && !(edit.strip_ech && after->ech));
  require(std::ranges::none_of(found, [&](const auto& one) { return is_cut_out(one, edit); }));
  require(edit.strip_hints || found.size() + edited.cut == before.addresses.size());
  std::vector<FoundAddress> again;
  const EditedReply second = edit_addresses(message, edit, again);
  require(second.size == message.size() && second.cut == 0 && again == found);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 + kHeaderSize) return 0;
  static const std::array kSome{*Prefix::parse("10.0.0.0/8"), *Prefix::parse("fd00::/8")};
  static const std::array kAll{*Prefix::parse("0.0.0.0/0"), *Prefix::parse("::/0")};
  AddressEdit edit;
  if ((data[0] & 1) != 0) edit.never = kSome;
  if ((data[0] & 2) != 0) edit.never = kAll;
  edit.never_private = (data[0] & 32) != 0;
  edit.strip_hints = (data[0] & 4) != 0;
  edit.strip_ech = (data[0] & 8) != 0;
  edit.largest_ttl = (data[0] & 16) != 0 ? 100 : kUnbounded;

  std::vector<std::uint8_t> message(data + 1, data + size);
  message[2] |= 0x80;
  message[4] = 0;
  message[5] = 1;
  const auto before = see(message);
  if (!before) return 0;
  std::vector<FoundAddress> found;
  const EditedReply edited = edit_addresses(message, edit, found);
  require(edited.size <= message.size());
  if (edited.size == 0) {
    require(found.empty() && edited.cut == 0);
    return 0;
  }
  check(MutableBytes(message).first(edited.size), *before, edit, edited, found);
  return 0;
}
