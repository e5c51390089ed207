#include "policy/suffix_table.h"

#include <algorithm>
#include <array>
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

/// Three quarters full at most: a search for what isn't there then looks at 8 tags.
constexpr std::size_t slots_for(std::size_t nodes) noexcept { return nodes + nodes / 3 + 8; }

std::uint8_t tag_of(std::uint64_t hash) noexcept {
  const auto tag = static_cast<std::uint8_t>(hash >> 24);
  return tag == 0 ? 1 : tag;
}

/// The better half of the hash: the lowest bits of a polynomial depend on few of its bytes' bits.
std::size_t slot_of(std::uint64_t hash, std::size_t slots) noexcept {
  return (hash >> 32) * slots >> 32;
}

}  // namespace

SuffixTable::SuffixTable(std::uint64_t hash_key) : hash_key_(hash_key) {
  nodes_.push_back({.parent = kRoot, .label_at = 0, .rule = Ruling::kNoRule});
  labels_ = {0, 0};
  resize_index(16);
}

void SuffixTable::reserve(std::size_t names, std::size_t bytes) {
  const std::size_t nodes = nodes_.size() + names + names / 8;
  if (nodes > nodes_.capacity()) nodes_.reserve(std::max(nodes, nodes_.size() * 3 / 2));
  const std::size_t labels = labels_.size() + bytes + names;
  if (labels > labels_.capacity()) labels_.reserve(std::max(labels, labels_.size() * 3 / 2));
  if (slots_for(nodes) > tags_.size()) resize_index(std::max(nodes, nodes_.size() * 3 / 2));
}

void SuffixTable::prefetch(Bytes name) const noexcept {
  const std::uint64_t hash = extended(hash_key_, name.first(name.size() - 1));
  const std::size_t slot = slot_of(hash, tags_.size());
  __builtin_prefetch(&tags_[slot]);
  __builtin_prefetch(&slots_[slot]);
}

std::uint32_t SuffixTable::insert(Bytes name) {
  std::array<std::uint8_t, wire::kMostLabels> starts;
  std::size_t depth = 0;
  for (std::size_t at = 0; name[at] != 0; at += 1U + name[at]) {
    starts[depth++] = static_cast<std::uint8_t>(at);
  }
  std::uint32_t node = kRoot;
  std::uint64_t hash = hash_key_;
  while (depth > 0) {
    const std::size_t start = starts[--depth];
    const Bytes label = name.subspan(start, 1U + name[start]);
    hash = extended(hash, label);
    const std::uint32_t found = find(node, label, hash);
    node = found != kRoot ? found : add(node, label, hash);
  }
  return node;
}

std::optional<std::uint32_t> SuffixTable::child(std::uint32_t parent,
                                                const wire::SuffixHashes& hashes,
                                                std::size_t depth) const noexcept {
  const Bytes suffix = hashes.suffix(depth);
  const std::uint32_t found = find(parent, suffix.first(1U + suffix[0]), hashes.hash(depth));
  if (found == kRoot) return std::nullopt;
  return found;
}

SuffixNode SuffixTable::at(std::uint32_t node) const noexcept {
  const std::uint8_t flags = labels_[nodes_[node].label_at];
  SuffixNode content;
  content.self.stance = static_cast<Stance>(flags & kStanceBits);
  content.below.stance = static_cast<Stance>(flags >> kBelowShift & kStanceBits);
  content.ancestor = (flags & kAncestor) != 0;
  if (content.self.has_rule()) content.self.rule = nodes_[node].rule;
  if ((flags & kTwoRules) != 0) {
    content.below.rule = below_rules_.find(node)->second;
  } else if (content.below.has_rule()) {
    content.below.rule = nodes_[node].rule;
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
  nodes_[node].rule = first.rule;
  labels_[nodes_[node].label_at] = static_cast<std::uint8_t>(
      static_cast<int>(content.self.stance) |
      static_cast<int>(content.below.stance) << kBelowShift | (content.ancestor ? kAncestor : 0) |
      (routed ? kRouted : 0) | (two ? kTwoRules : 0));
}

wire::DomainName SuffixTable::name(std::uint32_t node) const noexcept {
  std::array<std::uint8_t, wire::kLongestName> name;
  std::size_t size = 0;
  for (; node != kRoot; node = nodes_[node].parent) {
    const Bytes label = label_of(node);
    std::ranges::copy(label, name.begin() + static_cast<std::ptrdiff_t>(size));
    size += label.size();
  }
  name[size++] = 0;
  return wire::DomainName::parse(Bytes(name).first(size)).value_or(wire::DomainName{});
}

std::size_t SuffixTable::bytes() const noexcept {
  return nodes_.size() * sizeof(Node) + labels_.size() + tags_.size() +
         slots_.size() * sizeof(slots_[0]) + below_rules_.size() * sizeof(*below_rules_.begin()) +
         routes_.size() * sizeof(*routes_.begin());
}

/// With its length byte, as in a name.
Bytes SuffixTable::label_of(std::uint32_t node) const noexcept {
  const std::size_t at = nodes_[node].label_at + 1;
  return Bytes(labels_).subspan(at, 1U + labels_[at]);
}

/// As wire::SuffixHashes has it.
std::uint64_t SuffixTable::extended(std::uint64_t hash, Bytes label) const noexcept {
  for (std::size_t i = label.size(); i > 0; --i) hash = (hash + label[i - 1] + 1) * hash_key_;
  return hash;
}

/// The root's number if there is no such child.
std::uint32_t SuffixTable::find(std::uint32_t parent, Bytes label,
                                std::uint64_t hash) const noexcept {
  const std::uint8_t tag = tag_of(hash);
  std::size_t slot = slot_of(hash, tags_.size());
  for (; tags_[slot] != 0; slot = slot + 1 == tags_.size() ? 0 : slot + 1) {
    if (tags_[slot] != tag) continue;
    const std::uint32_t node = slots_[slot];
    if (nodes_[node].parent == parent && std::ranges::equal(label_of(node), label)) return node;
  }
  return kRoot;
}

std::uint32_t SuffixTable::add(std::uint32_t parent, Bytes label, std::uint64_t hash) {
  if (labels_.size() + 1 + label.size() > UINT32_MAX) {
    throw std::length_error("the names of all rules fill more than 4 GiB");
  }
  if (slots_for(nodes_.size() + 1) > tags_.size()) resize_index(nodes_.size() * 3 / 2 + 1);
  const auto node = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({.parent = parent,
                    .label_at = static_cast<std::uint32_t>(labels_.size()),
                    .rule = Ruling::kNoRule});
  labels_.push_back(0);
  labels_.insert(labels_.end(), label.begin(), label.end());
  place(node, hash);
  return node;
}

void SuffixTable::place(std::uint32_t node, std::uint64_t hash) noexcept {
  std::size_t slot = slot_of(hash, tags_.size());
  while (tags_[slot] != 0) slot = slot + 1 == tags_.size() ? 0 : slot + 1;
  tags_[slot] = tag_of(hash);
  slots_[slot] = node;
}

/// Hashes aren't kept; each follows from that of the node above, which has a smaller number.
void SuffixTable::resize_index(std::size_t nodes) {
  tags_.assign(slots_for(nodes), 0);
  slots_.assign(tags_.size(), kRoot);
  std::vector<std::uint64_t> hashes(nodes_.size());
  hashes[kRoot] = hash_key_;
  for (std::uint32_t node = kRoot + 1; node < nodes_.size(); ++node) {
    hashes[node] = extended(hashes[nodes_[node].parent], label_of(node));
    place(node, hashes[node]);
  }
}

}  // namespace nxgate::policy
