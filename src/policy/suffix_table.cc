#include "policy/suffix_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>

#include "base/bytes.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

// The flags in front of a label.
constexpr std::uint8_t kStanceBits = 0x3;
constexpr int kBelowShift = 2;
constexpr std::uint8_t kAncestor = 0x10;
constexpr std::uint8_t kRouted = 0x20;
constexpr std::uint8_t kTwoRules = 0x40;  ///< names below have a rule of their own

constexpr std::array<std::uint8_t, 1> kRootLabel{0};

/// Three quarters full at most: a search for what isn't there then looks at 8 tags.
constexpr std::size_t slots_for(std::size_t nodes) noexcept { return nodes + nodes / 3 + 8; }

/// So many slots are more than a processor keeps near.
constexpr std::size_t kBeyondCaches = std::size_t{1} << 16;
/// A suffix of more labels is rare in lists.
constexpr std::size_t kFetched = 4;

std::uint8_t tag_of(std::uint64_t hash) noexcept {
  const auto tag = static_cast<std::uint8_t>(hash >> 24);
  return tag == 0 ? 1 : tag;
}

std::size_t slot_of(std::uint64_t hash, std::size_t slots) noexcept {
  return (hash >> 32) * slots >> 32;
}

}  // namespace

SuffixTable::SuffixTable(std::uint64_t hash_key) : hash_key_(hash_key) {
  append(kRoot, Bytes(kRootLabel));
  resize_index(16);
}

void SuffixTable::reserve(std::size_t names, std::size_t bytes) {
  const std::size_t nodes = count_ + names + names / 8;
  const std::size_t size = nodes_.size() + bytes + (nodes - count_) * (kLabel + 1);
  if (size > nodes_.capacity()) nodes_.reserve(std::max(size, nodes_.size() * 3 / 2));
  if (slots_for(nodes) > index_.size()) resize_index(std::max(nodes, count_ * 3 / 2));
}

void SuffixTable::prefetch(Bytes name) const noexcept {
  const std::uint64_t hash = wire::SuffixHashes(name, hash_key_).whole();
  __builtin_prefetch(&index_[slot_of(hash, index_.size())]);
}

void SuffixTable::prefetch(const wire::SuffixHashes& hashes) const noexcept {
  if (index_.size() < kBeyondCaches) return;
  const std::size_t most = std::min(hashes.depth(), kFetched);
  for (std::size_t depth = 1; depth <= most; ++depth) {
    __builtin_prefetch(&index_[slot_of(hashes.hash(depth), index_.size())]);
  }
}

std::uint32_t SuffixTable::insert(Bytes name) {
  const wire::SuffixHashes hashes(name, hash_key_);
  std::uint32_t node = kRoot;
  for (std::size_t depth = 1; depth <= hashes.depth(); ++depth) {
    const Bytes label = hashes.label(depth);
    const std::uint32_t found = find(node, label, hashes.hash(depth));
    node = found != kRoot ? found : add(node, label, hashes.hash(depth));
  }
  return node;
}

std::optional<std::uint32_t> SuffixTable::child(std::uint32_t parent,
                                                const wire::SuffixHashes& hashes,
                                                std::size_t depth) const noexcept {
  const std::uint32_t found = find(parent, hashes.label(depth), hashes.hash(depth));
  if (found == kRoot) return std::nullopt;
  return found;
}

SuffixNode SuffixTable::at(std::uint32_t node) const noexcept {
  const std::uint8_t flags = nodes_[node + kFlags];
  const std::uint32_t rule = word(node + kRule);
  SuffixNode content;
  content.self.stance = static_cast<Stance>(flags & kStanceBits);
  content.below.stance = static_cast<Stance>(flags >> kBelowShift & kStanceBits);
  content.ancestor = (flags & kAncestor) != 0;
  if (content.self.has_rule()) content.self.rule = rule;
  if ((flags & kTwoRules) != 0) {
    content.below.rule = below_rules_.find(node)->second;
  } else if (content.below.has_rule()) {
    content.below.rule = rule;
  }
  if ((flags & kRouted) != 0) content.route = routes_.find(node)->second;
  return content;
}

void SuffixTable::put(std::uint32_t node, const SuffixNode& content) {
  const Ruling& first = content.self.has_rule() ? content.self : content.below;
  const bool two = content.below.has_rule() && content.below.rule != first.rule;
  const bool routed = content.route != SuffixNode::kNoRoute;
  if (two) below_rules_.insert_or_assign(node, content.below.rule);
  if (routed) routes_.insert_or_assign(node, content.route);
  set_word(node + kRule, first.rule);
  nodes_[node + kFlags] = static_cast<std::uint8_t>(
      static_cast<int>(content.self.stance) |
      static_cast<int>(content.below.stance) << kBelowShift | (content.ancestor ? kAncestor : 0) |
      (routed ? kRouted : 0) | (two ? kTwoRules : 0));
}

std::uint32_t SuffixTable::next(std::uint32_t node) const noexcept {
  return static_cast<std::uint32_t>(node + kLabel + label_of(node).size());
}

wire::DomainName SuffixTable::name(std::uint32_t node) const noexcept {
  std::array<std::uint8_t, wire::kLongestName> name;
  std::size_t size = 0;
  for (; node != kRoot; node = parent(node)) {
    const Bytes label = label_of(node);
    std::ranges::copy(label, name.begin() + static_cast<std::ptrdiff_t>(size));
    size += label.size();
  }
  name[size++] = 0;
  return wire::DomainName::parse(Bytes(name).first(size)).value_or(wire::DomainName{});
}

std::size_t SuffixTable::bytes() const noexcept {
  return nodes_.size() + index_.size() * sizeof(Slot) +
         below_rules_.size() * sizeof(*below_rules_.begin()) +
         routes_.size() * sizeof(*routes_.begin());
}

/// With its length byte, as in a name.
Bytes SuffixTable::label_of(std::uint32_t node) const noexcept {
  const std::size_t at = node + kLabel;
  return Bytes(nodes_).subspan(at, 1U + nodes_[at]);
}

/// The root's number if there is no such child.
std::uint32_t SuffixTable::find(std::uint32_t parent, Bytes label,
                                std::uint64_t hash) const noexcept {
  const std::uint8_t tag = tag_of(hash);
  std::size_t at = slot_of(hash, index_.size());
  for (; index_[at].tag != 0; at = at + 1 == index_.size() ? 0 : at + 1) {
    if (index_[at].tag != tag) continue;
    const std::uint32_t node = index_[at].node();
    if (this->parent(node) == parent && std::ranges::equal(label_of(node), label)) return node;
  }
  return kRoot;
}

std::uint32_t SuffixTable::add(std::uint32_t parent, Bytes label, std::uint64_t hash) {
  if (nodes_.size() + kLabel + label.size() > UINT32_MAX) {
    throw std::length_error("the names of all rules fill more than 4 GiB");
  }
  if (slots_for(count_ + 1) > index_.size()) resize_index(count_ * 3 / 2 + 1);
  const std::uint32_t node = append(parent, label);
  place(node, hash);
  return node;
}

std::uint32_t SuffixTable::append(std::uint32_t parent, Bytes label) {
  const std::uint32_t node = end();
  nodes_.resize(nodes_.size() + kLabel);
  set_word(node + kParent, parent);
  set_word(node + kRule, Ruling::kNoRule);
  nodes_.insert(nodes_.end(), label.begin(), label.end());
  ++count_;
  return node;
}

void SuffixTable::place(std::uint32_t node, std::uint64_t hash) noexcept {
  std::size_t at = slot_of(hash, index_.size());
  while (index_[at].tag != 0) at = at + 1 == index_.size() ? 0 : at + 1;
  index_[at] = {tag_of(hash), std::bit_cast<std::array<std::uint8_t, 4>>(node)};
}

/// Hashes aren't kept, but computed from the names again, so that the old index can go first.
void SuffixTable::resize_index(std::size_t nodes) {
  index_ = {};
  index_.resize(slots_for(nodes));
  for (std::uint32_t node = next(kRoot); node != end(); node = next(node)) {
    place(node, hash_of(node));
  }
}

std::uint64_t SuffixTable::hash_of(std::uint32_t node) const noexcept {
  std::array<std::uint32_t, wire::kMostLabels> path;
  std::size_t depth = 0;
  for (; node != kRoot; node = parent(node)) path[depth++] = node;
  std::uint64_t hash = hash_key_;
  while (depth > 0) hash = wire::extend_hash(hash, label_of(path[--depth]), hash_key_);
  return hash;
}

}  // namespace nxgate::policy
