#include "policy/suffix_table.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "base/bytes.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

// A node in the arena: one byte of flags, the size of the name, the name, then in this order and
// only if the flags say so the rule for the name itself, the rule for the names below, the route.
constexpr std::uint8_t kStanceBits = 0x3;
constexpr int kBelowShift = 2;
constexpr std::uint8_t kAncestor = 0x10;
constexpr std::uint8_t kRouted = 0x20;
constexpr std::uint8_t kOneRule =
    0x40;  ///< the rule for the name itself is also that for those below
constexpr std::size_t kNameAt = 2;

template <class Number>
Number read(const std::uint8_t*& from) noexcept {
  Number number;
  std::memcpy(&number, from, sizeof number);
  from += sizeof number;
  return number;
}

std::uint8_t flags_of(const SuffixNode& node) {
  std::uint8_t flags = static_cast<std::uint8_t>(node.self.stance);
  flags |= static_cast<std::uint8_t>(static_cast<int>(node.below.stance) << kBelowShift);
  if (node.ancestor) flags |= kAncestor;
  if (node.route != SuffixNode::kNoRoute) flags |= kRouted;
  if (node.self.has_rule() && node.self == node.below) flags |= kOneRule;
  return flags;
}

}  // namespace

std::optional<SuffixNode> SuffixTable::find(const wire::SuffixHashes& hashes,
                                            std::size_t depth) const noexcept {
  const Bytes suffix = hashes.suffix(depth);
  const auto same_name = [&](std::uint32_t offset) {
    return std::ranges::equal(name_at(offset), suffix);
  };
  const std::uint32_t offset = index_.find(fingerprint_of(hashes.hash(depth)), same_name);
  if (offset == 0) return std::nullopt;
  return node_at(offset);
}

Bytes SuffixTable::name_at(std::uint32_t offset) const noexcept {
  return {arena_.data() + offset + kNameAt, arena_[offset + 1]};
}

SuffixNode SuffixTable::node_at(std::uint32_t offset) const noexcept {
  const std::uint8_t* from = arena_.data() + offset;
  const std::uint8_t flags = from[0];
  from += kNameAt + from[1];
  SuffixNode node;
  node.self.stance = static_cast<Stance>(flags & kStanceBits);
  node.below.stance = static_cast<Stance>(flags >> kBelowShift & kStanceBits);
  node.ancestor = (flags & kAncestor) != 0;
  if (node.self.has_rule()) node.self.rule = read<std::uint32_t>(from);
  if ((flags & kOneRule) != 0) {
    node.below.rule = node.self.rule;
  } else if (node.below.has_rule()) {
    node.below.rule = read<std::uint32_t>(from);
  }
  if ((flags & kRouted) != 0) node.route = read<std::uint16_t>(from);
  return node;
}

std::uint32_t SuffixTable::append(Bytes name, const SuffixNode& node) {
  const std::size_t offset = arena_.size();
  if (offset > UINT32_MAX) throw std::length_error("rules fill more than 4 GiB");
  const auto put = [this](auto number) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&number);
    arena_.insert(arena_.end(), bytes, bytes + sizeof number);
  };
  const std::uint8_t flags = flags_of(node);
  put(flags);
  put(static_cast<std::uint8_t>(name.size()));
  arena_.insert(arena_.end(), name.begin(), name.end());
  if (node.self.has_rule()) put(node.self.rule);
  if (node.below.has_rule() && (flags & kOneRule) == 0) put(node.below.rule);
  if ((flags & kRouted) != 0) put(node.route);
  return static_cast<std::uint32_t>(offset);
}

}  // namespace nxgate::policy
