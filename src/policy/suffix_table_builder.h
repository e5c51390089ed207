// Collects names and what is ruled for them, then writes the immutable table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "policy/suffix_table.h"
#include "wire/name.h"

namespace nxgate::policy {

/// Use: `node` for each name, `build` once, then `offset_of` as long as needed. One thread.
///
/// Names are not copied: the bytes given to `node` must live until `build` returns.
class SuffixTableBuilder {
 public:
  /// `names` is about how many will be given; more is no fault.
  SuffixTableBuilder(std::uint64_t hash_key, std::size_t names);

  /// The number of the node of `name`, which is made, together with those above, if it is new.
  std::uint32_t node(Bytes name);

  /// Lets the stronger stance stand; of two equal ones the first.
  void rule_self(std::uint32_t node, Ruling ruling) { rule(drafts_[node].content.self, ruling); }
  void rule_below(std::uint32_t node, Ruling ruling) { rule(drafts_[node].content.below, ruling); }
  /// The first route of a name stands.
  void route(std::uint32_t node, std::uint16_t route);

  [[nodiscard]] SuffixTable build();

  /// Where a node went in the built table.
  [[nodiscard]] std::uint32_t offset_of(std::uint32_t node) const { return drafts_[node].offset; }

 private:
  struct Draft {
    const std::uint8_t* name = nullptr;
    std::uint8_t name_size = 0;
    std::uint32_t fingerprint = 0;
    std::uint32_t parent = 0;
    std::uint32_t offset = 0;
    SuffixNode content;
  };

  static void rule(Ruling& standing, Ruling added);
  [[nodiscard]] std::uint32_t find(std::uint32_t fingerprint, Bytes name) const;
  std::uint32_t add(std::uint32_t fingerprint, Bytes name);
  void mark_ancestors();

  std::uint64_t hash_key_;
  FingerprintIndex index_;
  std::size_t room_;
  std::vector<Draft> drafts_;  ///< the first is the root, which the index doesn't hold
};

}  // namespace nxgate::policy
