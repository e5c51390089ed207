#include "policy/suffix_table_builder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "policy/suffix_table.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

constexpr std::uint8_t kRootName[] = {0};

}  // namespace

SuffixTableBuilder::SuffixTableBuilder(std::uint64_t hash_key, std::size_t names)
    // Names have ancestors of their own too, by experience one for every two or three.
    : hash_key_(hash_key), index_(names + names / 2 + 8), room_(names + names / 2 + 8) {
  drafts_.reserve(room_ + 1);
  drafts_.push_back({.name = kRootName, .name_size = 1});
}

std::uint32_t SuffixTableBuilder::node(Bytes name) {
  const auto parsed = wire::DomainName::parse(name).value_or(wire::DomainName{});
  const wire::SuffixHashes hashes(parsed, hash_key_);
  std::uint32_t wanted = 0;
  std::uint32_t child = 0;
  // Deepest first: where one node is, those above it are.
  for (std::size_t depth = hashes.depth(); depth > 0; --depth) {
    const Bytes suffix = name.last(hashes.suffix(depth).size());
    const std::uint32_t fingerprint = fingerprint_of(hashes.hash(depth));
    const std::uint32_t found = find(fingerprint, suffix);
    const std::uint32_t node = found != 0 ? found : add(fingerprint, suffix);
    if (child == 0) {
      wanted = node;
    } else {
      drafts_[child].parent = node;
    }
    if (found != 0) break;
    child = node;
  }
  return wanted;
}

void SuffixTableBuilder::route(std::uint32_t node, std::uint16_t route) {
  std::uint16_t& standing = drafts_[node].content.route;
  if (standing == SuffixNode::kNoRoute) standing = route;
}

SuffixTable SuffixTableBuilder::build() {
  mark_ancestors();
  SuffixTable table(drafts_.size());
  for (Draft& draft : drafts_) {
    draft.offset = table.append({draft.name, draft.name_size}, draft.content);
    if (draft.offset != 0) table.index_.insert(draft.fingerprint, draft.offset);
  }
  table.arena_.shrink_to_fit();
  return table;
}

void SuffixTableBuilder::rule(Ruling& standing, Ruling added) {
  if (added.stance > standing.stance) standing = added;
}

std::uint32_t SuffixTableBuilder::find(std::uint32_t fingerprint, Bytes name) const {
  return index_.find(fingerprint, [&](std::uint32_t node) {
    const Draft& draft = drafts_[node];
    return std::ranges::equal(Bytes{draft.name, draft.name_size}, name);
  });
}

std::uint32_t SuffixTableBuilder::add(std::uint32_t fingerprint, Bytes name) {
  if (drafts_.size() > room_) {
    room_ *= 2;
    index_ = FingerprintIndex(room_);
    for (std::uint32_t node = 1; node < drafts_.size(); ++node) {
      index_.insert(drafts_[node].fingerprint, node);
    }
  }
  const auto node = static_cast<std::uint32_t>(drafts_.size());
  index_.insert(fingerprint, node);
  drafts_.push_back({.name = name.data(),
                     .name_size = static_cast<std::uint8_t>(name.size()),
                     .fingerprint = fingerprint});
  return node;
}

void SuffixTableBuilder::mark_ancestors() {
  drafts_[0].content.ancestor = true;  // the root is NODATA whatever the rules
  for (std::size_t i = 1; i < drafts_.size(); ++i) {
    if (!drafts_[i].content.self.answers() && !drafts_[i].content.below.answers()) continue;
    for (std::uint32_t at = drafts_[i].parent; !drafts_[at].content.ancestor;
         at = drafts_[at].parent) {
      drafts_[at].content.ancestor = true;
    }
  }
}

}  // namespace nxgate::policy
