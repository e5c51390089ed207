#include "wire/scrubber.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "wire/answer.h"
#include "wire/name.h"
#include "wire/rdata.h"
#include "wire/reader.h"
#include "wire/record_index.h"
#include "wire/types.h"

namespace nxgate::wire {

bool Scrubber::run() noexcept {
  bool found = take_rrset(sent_.name, sent_.type, false);
  while (!found && follow_link()) found = take_rrset(name(), sent_.type, false);
  // An NXDOMAIN that carries the very RRset contradicts itself.
  if (found && out_.rcode == Rcode::kNxDomain) return false;
  const std::uint16_t answers = count_;
  const bool ended = found || take_soa();
  if (sent_.dnssec_ok) take_proofs();
  out_.answers = answers;
  out_.authorities = static_cast<std::uint16_t>(count_ - answers);
  out_.negative = !found;
  out_.open = !ended && out_.target_count != 0 && out_.rcode == Rcode::kNoError;
  out_.ttl = ended || out_.open ? least_ttl_ : 0;
  out_.size = writer_.size();
  return ok_ && writer_.ok();
}

bool Scrubber::matches(const IndexedRecord& record, Type type) const noexcept {
  if (record.type == type || type == Type::kAny) return true;
  return sent_.dnssec_ok && record.type == Type::kRrsig && record.rdata_size >= 2 &&
         Type{Reader(message_, record.rdata_at).u16()} == type;
}

/// Takes an RRset with its signatures, TTLs made equal; false if there is none.
bool Scrubber::take_rrset(const DomainName& owner, Type type, bool authority) noexcept {
  const std::uint64_t hash = hash_of(owner, process_hash_key());
  const auto belongs = [&](const IndexedRecord& record) {
    return record.authority == authority && !record.taken && matches(record, type) &&
           index_.owned_by(record, owner, hash);
  };
  std::uint32_t ttl = kLargestTtl;
  bool found = false;
  for (const IndexedRecord& record : index_.records()) {
    if (!belongs(record)) continue;
    ttl = std::min(ttl, record.ttl);
    found = found || record.type == type || type == Type::kAny;
  }
  if (!found) return false;
  const std::size_t rrset_at = writer_.size();
  for (IndexedRecord& record : index_.records()) {
    if (belongs(record)) take(record, owner, ttl, rrset_at);
  }
  return true;
}

/// Takes the CNAME at the end of the chain with the DNAME it comes from; false if there is none, or
/// the chain is endless: it was taken before, or there were too many. Of several CNAMEs, which RFC
/// 2181 section 10.1 forbids, the first counts.
bool Scrubber::follow_link() noexcept {
  const DomainName owner = name();
  const std::uint64_t hash = hash_of(owner, process_hash_key());
  IndexedRecord* link = nullptr;
  for (IndexedRecord& record : index_.records()) {
    if (record.type != Type::kCname || record.authority || !index_.owned_by(record, owner, hash)) {
      continue;
    }
    if (link == nullptr && (record.taken || out_.target_count == kLongestChain)) {
      endless_ = true;
      return false;
    }
    if (link != nullptr) record.taken = true;
    if (link == nullptr) link = &record;
  }
  if (link == nullptr) return false;
  const auto target = DomainName::parse_compressed(message_, link->rdata_at, nullptr);
  if (!target) {
    ok_ = false;
    return false;
  }
  take_dnames(*target);
  take_rrset(owner, Type::kCname, false);
  target_at_[out_.target_count] = cname_at_;
  out_.targets[out_.target_count++] = *target;
  return true;
}

/// Takes the DNAMEs above the end of the chain that lead to `target` (RFC 6672 section 3).
void Scrubber::take_dnames(const DomainName& target) noexcept {
  for (const IndexedRecord& record : index_.records()) {
    if (record.type != Type::kDname || record.authority || record.taken) continue;
    const DomainName owner = index_.owner(record);
    const auto to = DomainName::parse_compressed(message_, record.rdata_at, nullptr);
    if (to && owner != name() && name().is_at_or_below(owner) && target.is_at_or_below(*to)) {
      take_rrset(owner, Type::kDname, false);
    }
  }
}

/// Takes the SOA of the zone that the end of the chain is in; its TTL becomes that of the negative
/// answer (RFC 2308 section 5). False if there is none.
bool Scrubber::take_soa() noexcept {
  constexpr std::uint16_t kMinimumSize = 4;
  for (IndexedRecord& record : index_.records()) {
    if (record.type != Type::kSoa || !record.authority || record.rdata_size < kMinimumSize) {
      continue;
    }
    const DomainName owner = index_.owner(record);
    if (!name().is_at_or_below(owner)) continue;
    const std::size_t minimum_at = record.rdata_at + record.rdata_size - kMinimumSize;
    record.ttl = std::min(record.ttl, Reader(message_, minimum_at).u32());
    return take_rrset(owner, Type::kSoa, true);
  }
  return false;
}

void Scrubber::take_proofs() noexcept {
  for (const IndexedRecord& record : index_.records()) {
    const bool proof = record.type == Type::kNsec || record.type == Type::kNsec3;
    if (proof && record.authority && !record.taken) {
      take_rrset(index_.owner(record), record.type, true);
    }
  }
}

/// Writes one record unless one with equal rdata stands behind `rrset_at` already.
void Scrubber::take(IndexedRecord& record, const DomainName& owner, std::uint32_t ttl,
                    std::size_t rrset_at) noexcept {
  record.taken = true;
  const std::size_t record_at = writer_.size();
  write_owner(owner);
  const std::size_t owner_size = writer_.size() - record_at;
  writer_.u16(static_cast<std::uint16_t>(record.type));
  writer_.u16(static_cast<std::uint16_t>(sent_.qclass));
  const std::size_t ttl_at = writer_.size();
  writer_.u32(ttl);
  const std::size_t length_at = writer_.size();
  writer_.u16(0);
  const std::size_t rdata_at = writer_.size();
  const RdataAt rdata{message_, record.rdata_at, record.rdata_size, sent_.question_end};
  if (!copy_rdata(record.type, rdata, writer_)) {
    ok_ = false;
    return;
  }
  writer_.patch_u16(length_at, static_cast<std::uint16_t>(writer_.size() - rdata_at));
  if (is_duplicate(rrset_at, record_at, owner_size)) {
    writer_.rewind(record_at);
    return;
  }
  if (record.type == Type::kCname) cname_at_ = rdata_at;
  out_.offsets[out_.offset_count++] = static_cast<std::uint16_t>(ttl_at);
  least_ttl_ = std::min(least_ttl_, ttl);
  ++count_;
}

void Scrubber::write_owner(const DomainName& owner) noexcept {
  constexpr std::size_t kFarthest = 0x3fff;
  std::size_t at = owner == sent_.name ? kHeaderSize : 0;
  for (std::size_t i = 0; at == 0 && i < out_.target_count; ++i) {
    const std::size_t target_at = sent_.question_end + target_at_[i];
    if (owner == out_.targets[i] && target_at <= kFarthest) at = target_at;
  }
  if (at != 0) {
    writer_.u16(static_cast<std::uint16_t>(kPointer | at));
  } else {
    writer_.bytes(owner.wire());
  }
}

/// Whether the record written last is byte for byte one written since `rrset_at`; with owner, type
/// and TTL the same throughout an RRset that means equal rdata.
bool Scrubber::is_duplicate(std::size_t rrset_at, std::size_t record_at,
                            std::size_t owner_size) const noexcept {
  const Bytes last = writer_.written().subspan(record_at);
  std::size_t at = rrset_at;
  while (at < record_at) {
    Reader reader(writer_.written(), at + owner_size + kTypeClassTtl);
    reader.skip(reader.u16());
    const Bytes earlier = writer_.written().subspan(at, reader.offset() - at);
    if (std::ranges::equal(earlier, last)) return true;
    at = reader.offset();
  }
  return false;
}

}  // namespace nxgate::wire
