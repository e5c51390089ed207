#include "policy/local_data.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/container_hash/hash.hpp>
#include <fmt/core.h>

#include "base/address.h"
#include "base/bytes.h"
#include "policy/matcher.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::policy {
namespace {

std::uint64_t index_key(std::uint64_t hash, bool wildcard) noexcept {
  return wildcard ? ~hash : hash;
}

/// From so many on, records of one owner are found by hash rather than one by one.
constexpr std::size_t kManyRecords = 16;

std::uint64_t place_key(std::uint64_t owner, const LocalRecord& record) {
  std::size_t key = boost::hash_range(record.rdata.begin(), record.rdata.end());
  boost::hash_combine(key, owner);
  boost::hash_combine(key, static_cast<std::uint16_t>(record.type));
  boost::hash_combine(key, record.ttl);
  return key;
}

LocalRecord address_record(const IpAddress& address) {
  const Bytes bytes = address.bytes();
  return {.type = address.is_v4() ? wire::Type::kA : wire::Type::kAaaa,
          .rdata = {bytes.begin(), bytes.end()}};
}

LocalRecord pointer_record(const wire::DomainName& name) {
  const Bytes bytes = name.wire();
  return {.type = wire::Type::kPtr, .rdata = {bytes.begin(), bytes.end()}};
}

}  // namespace

void LocalData::add(const wire::DomainName& owner, bool wildcard, LocalRecord record) {
  add(make_owner(owner, wildcard), std::move(record));
}

void LocalData::add_owner(const wire::DomainName& name, bool wildcard) {
  (void)make_owner(name, wildcard);
}

void LocalData::add(Owner& owner, LocalRecord record) {
  if (knows(owner, record)) return;
  owner.has_pointer |= record.type == wire::Type::kPtr;
  owner.records.push_back(std::move(record));
}

bool LocalData::knows(const Owner& owner, const LocalRecord& record) {
  const std::vector<LocalRecord>& records = owner.records;
  const auto compared = [&] { return std::ranges::find(records, record) != records.end(); };
  if (records.size() < kManyRecords) return compared();
  const auto number = static_cast<std::uint64_t>(&owner - owners_.data());
  for (std::uint32_t i = 0; records.size() == kManyRecords && i < kManyRecords; ++i) {
    places_.try_emplace(place_key(number, records[i]), i);
  }
  const auto [place, is_new] =
      places_.try_emplace(place_key(number, record), static_cast<std::uint32_t>(records.size()));
  return !is_new && (records[place->second] == record || compared());
}

void LocalData::add_host(const IpAddress& address, const wire::DomainName& name) {
  add(name, false, address_record(address));
  if (address.is_unspecified()) return;
  const wire::DomainName reverse = reverse_name(address);
  Owner& owner = make_owner(reverse, false);
  if (!owner.has_pointer) add(owner, pointer_record(name));
}

std::span<const LocalRecord> LocalData::find(const wire::SuffixHashes& hashes) const noexcept {
  std::size_t depth = hashes.depth();
  std::uint32_t owner = find_owner(hashes.suffix(depth), hashes.whole(), false);
  while (owner == kNone && depth > 0) {
    --depth;
    owner = find_owner(hashes.suffix(depth), hashes.hash(depth), true);
  }
  if (owner == kNone) return {};
  return owners_[owner].records;
}

bool LocalData::owns(const wire::DomainName& owner, bool wildcard) const noexcept {
  return find_owner(owner.wire(), wire::hash_of(owner, hash_key_), wildcard) != kNone;
}

std::vector<Matcher::LocalName> LocalData::names() const {
  std::vector<Matcher::LocalName> names;
  names.reserve(owners_.size());
  for (const Owner& owner : owners_) {
    names.push_back({.name = wire::DomainName::parse(name_of(owner)).value_or(wire::DomainName{}),
                     .wildcard = owner.wildcard});
  }
  return names;
}

std::uint32_t LocalData::find_owner(Bytes name, std::uint64_t hash, bool wildcard) const noexcept {
  const auto found = index_.find(index_key(hash, wildcard));
  std::uint32_t at = found == index_.end() ? kNone : found->second;
  while (at != kNone &&
         (owners_[at].wildcard != wildcard || !std::ranges::equal(name_of(owners_[at]), name))) {
    at = owners_[at].next;
  }
  return at;
}

LocalData::Owner& LocalData::make_owner(const wire::DomainName& name, bool wildcard) {
  const Bytes wire = name.wire();
  const std::uint64_t hash = wire::hash_of(name, hash_key_);
  if (const std::uint32_t at = find_owner(wire, hash, wildcard); at != kNone) return owners_[at];
  if (names_.size() > kNone - wire.size()) throw std::length_error("local names past 4 GiB");
  const auto created = static_cast<std::uint32_t>(owners_.size());
  const auto [slot, is_new] = index_.try_emplace(index_key(hash, wildcard), created);
  owners_.push_back({.name_at = static_cast<std::uint32_t>(names_.size()),
                     .name_size = static_cast<std::uint8_t>(wire.size()),
                     .wildcard = wildcard,
                     .next = is_new ? kNone : std::exchange(slot->second, created)});
  names_.insert(names_.end(), wire.begin(), wire.end());
  return owners_.back();
}

wire::DomainName reverse_name(const IpAddress& address) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  const Bytes bytes = address.bytes();
  for (const std::uint8_t byte : bytes) {
    if (address.is_v4()) {
      text = fmt::format("{}.{}", byte, text);
    } else {
      text = fmt::format("{}.{}.{}", kHex[byte & 0xf], kHex[byte >> 4], text);
    }
  }
  text += address.is_v4() ? "in-addr.arpa" : "ip6.arpa";
  return wire::DomainName::from_text(text).value_or(wire::DomainName{});
}

}  // namespace nxgate::policy
