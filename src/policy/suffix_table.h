// Names and all names above them, each found by the hash of its suffix: the structure under
// RuleSet and Matcher.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/bytes.h"
#include "base/huge_pages.h"
#include "wire/name.h"

namespace nxgate::policy {

/// What is ruled for a set of names. A stronger stance wins at the same name: deny beats local
/// data, local data beats allow.
enum class Stance : std::uint8_t { kNone = 0, kAllow, kLocal, kDeny };

/// Allow and deny stem from a rule, local data from none. Which rule, the owner of the table knows.
struct Ruling {
  static constexpr std::uint32_t kNoRule = UINT32_MAX;

  Stance stance = Stance::kNone;
  std::uint32_t rule = kNoRule;

  [[nodiscard]] bool answers() const noexcept {
    return stance == Stance::kAllow || stance == Stance::kLocal;
  }
  [[nodiscard]] bool has_rule() const noexcept {
    return stance == Stance::kAllow || stance == Stance::kDeny;
  }
  bool operator==(const Ruling&) const = default;
};

/// What is known at one name.
struct SuffixNode {
  static constexpr std::uint16_t kNoRoute = UINT16_MAX;

  Ruling self;            ///< for the name itself
  Ruling below;           ///< for every name below it
  bool ancestor = false;  ///< the name of another node that answers lies below
  std::uint16_t route = kNoRoute;
};

/// A tree of names in which the children of a node are found by hash, all in one table: one byte
/// of the hash and the place of the node a slot, packed, so that a name that isn't there mostly
/// costs one cache line, and one that is there two. A node holds its own label alone and who is
/// above it, and stands with all that in one piece: 27 bytes with its slot for a name of ten
/// letters below a known one.
///
/// Written by one thread; then any number may read at once, without allocating.
class SuffixTable {
 public:
  /// The node of the root, which is always there and the first. A node is known by a number that is
  /// larger than that of the node above.
  static constexpr std::uint32_t kRoot = 0;

  explicit SuffixTable(std::uint64_t hash_key);

  /// Makes room for so many more names of so many bytes together, ancestors not counted. Only
  /// speed depends on it.
  void reserve(std::size_t names, std::size_t bytes);

  /// Fetches what `insert` will look at last, in a table larger than the processor's caches.
  void prefetch(Bytes name) const noexcept;

  /// Fetches what `child` will look at first for each of the shorter suffixes, in such a table, all
  /// at once where `child` would wait for one after the other.
  void prefetch(const wire::SuffixHashes& hashes) const noexcept;

  /// The node of a name in wire form, which is made, together with those above, if it is new.
  /// Throws length_error past 4 GiB of nodes.
  std::uint32_t insert(Bytes name);

  /// The node of the suffix of `depth` labels, 1 or more, below `parent`, that of the suffix with
  /// one label less. The hashes must have been made with this table's key.
  [[nodiscard]] std::optional<std::uint32_t> child(std::uint32_t parent,
                                                   const wire::SuffixHashes& hashes,
                                                   std::size_t depth) const noexcept;

  [[nodiscard]] SuffixNode at(std::uint32_t node) const noexcept;
  void put(std::uint32_t node, const SuffixNode& content);

  /// The node after this one, in the order in which they were made, up to `end`.
  [[nodiscard]] std::uint32_t next(std::uint32_t node) const noexcept;
  [[nodiscard]] std::uint32_t end() const noexcept {
    return static_cast<std::uint32_t>(nodes_.size());
  }
  /// Of the root the root.
  [[nodiscard]] std::uint32_t parent(std::uint32_t node) const noexcept {
    return word(node + kParent);
  }
  [[nodiscard]] wire::DomainName name(std::uint32_t node) const noexcept;
  [[nodiscard]] std::uint64_t hash_key() const noexcept { return hash_key_; }

  /// What is in use; what is only reserved takes no memory.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  // A node: who is above it; the rule for the name itself, and if the flags don't say else for
  // those below; flags; the label with its length in front.
  static constexpr std::size_t kParent = 0;
  static constexpr std::size_t kRule = 4;
  static constexpr std::size_t kFlags = 8;
  static constexpr std::size_t kLabel = 9;

  /// Of the index. A tag of 0 is an empty slot, at which every search ends.
  struct Slot {
    std::uint8_t tag = 0;
    std::array<std::uint8_t, 4> place{};

    [[nodiscard]] std::uint32_t node() const noexcept {
      return std::bit_cast<std::uint32_t>(place);
    }
  };
  static_assert(sizeof(Slot) == 5);

  [[nodiscard]] std::uint32_t word(std::size_t at) const noexcept {
    std::uint32_t value;
    std::memcpy(&value, nodes_.data() + at, sizeof value);
    return value;
  }
  void set_word(std::size_t at, std::uint32_t value) noexcept {
    std::memcpy(nodes_.data() + at, &value, sizeof value);
  }
  [[nodiscard]] Bytes label_of(std::uint32_t node) const noexcept;
  [[nodiscard]] std::uint64_t hash_of(std::uint32_t node) const noexcept;
  [[nodiscard]] std::uint32_t find(std::uint32_t parent, Bytes label,
                                   std::uint64_t hash) const noexcept;
  std::uint32_t append(std::uint32_t parent, Bytes label);
  std::uint32_t add(std::uint32_t parent, Bytes label, std::uint64_t hash);
  void place(std::uint32_t node, std::uint64_t hash) noexcept;
  void resize_index(std::size_t nodes);

  std::uint64_t hash_key_;
  std::vector<std::uint8_t, HugePages<std::uint8_t>> nodes_;
  std::size_t count_ = 0;
  std::vector<Slot, HugePages<Slot>> index_;
  // What few nodes have.
  boost::unordered_flat_map<std::uint32_t, std::uint32_t> below_rules_;
  boost::unordered_flat_map<std::uint32_t, std::uint16_t> routes_;
};

}  // namespace nxgate::policy
