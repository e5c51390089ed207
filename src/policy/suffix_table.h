// Names and all names above them, each found by the hash of its suffix: the structure under
// Matcher.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "wire/name.h"

namespace nxgate::policy {

/// What is ruled for a set of names. A stronger stance wins at the same name: deny beats local
/// data, local data beats allow.
enum class Stance : std::uint8_t { kNone = 0, kAllow, kLocal, kDeny };

/// Allow and deny stem from a rule, local data from none.
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

/// The better half of a suffix hash: the lowest bits of a polynomial depend on few of its bytes'
/// bits.
[[nodiscard]] constexpr std::uint32_t fingerprint_of(std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash >> 32);
}

/// Open addressing over 32-bit fingerprints, 8 bytes a slot. The fingerprint also gives the place,
/// so that entries can be moved to a table of another size without their keys.
class FingerprintIndex {
 public:
  /// Room for `entries`; `insert` must not be called more often. Half full at most, since most
  /// lookups are denials that end at an empty slot (three quarters full cost 17 ns more each).
  explicit FingerprintIndex(std::size_t entries) : slots_(entries * 2 + 2) {}

  /// The first value with this fingerprint that `matches` accepts; 0 if there is none.
  template <class Matches>
  [[nodiscard]] std::uint32_t find(std::uint32_t fingerprint, Matches&& matches) const {
    for (std::size_t at = place(fingerprint); slots_[at].value != 0; at = next(at)) {
      if (slots_[at].fingerprint == fingerprint && matches(slots_[at].value)) {
        return slots_[at].value;
      }
    }
    return 0;
  }

  /// `value` must not be 0.
  void insert(std::uint32_t fingerprint, std::uint32_t value) {
    std::size_t at = place(fingerprint);
    while (slots_[at].value != 0) at = next(at);
    slots_[at] = {fingerprint, value};
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t fingerprint = 0;
    std::uint32_t value = 0;
  };

  [[nodiscard]] std::size_t place(std::uint32_t fingerprint) const noexcept {
    return std::uint64_t{fingerprint} * slots_.size() >> 32;
  }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept {
    return at + 1 == slots_.size() ? 0 : at + 1;
  }

  std::vector<Slot> slots_;
};

/// The immutable table: an index over an arena of nodes of varying size, each holding its name for
/// verification. Any thread; lookups don't allocate.
class SuffixTable {
 public:
  [[nodiscard]] SuffixNode root() const noexcept { return node_at(0); }

  /// The node of the suffix of `depth` labels, of 1 or more.
  [[nodiscard]] std::optional<SuffixNode> find(const wire::SuffixHashes& hashes,
                                               std::size_t depth) const noexcept;

  /// The name at an offset that SuffixTableBuilder::offset_of gave.
  [[nodiscard]] Bytes name_at(std::uint32_t offset) const noexcept;

  [[nodiscard]] std::size_t bytes() const noexcept { return arena_.capacity() + index_.bytes(); }

 private:
  friend class SuffixTableBuilder;

  explicit SuffixTable(std::size_t nodes) : index_(nodes) {}

  [[nodiscard]] SuffixNode node_at(std::uint32_t offset) const noexcept;
  [[nodiscard]] std::uint32_t append(Bytes name, const SuffixNode& node);

  FingerprintIndex index_;
  std::vector<std::uint8_t> arena_;  ///< the root's node is the first
};

}  // namespace nxgate::policy
