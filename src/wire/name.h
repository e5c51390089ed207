// Domain names as bytes: parsed once, compared and hashed without text.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace nxgate::wire {

/// RFC 1035 section 2.3.4: the whole name in wire form, its last zero byte included.
inline constexpr std::size_t kLongestName = 255;
inline constexpr std::size_t kLongestLabel = 63;
/// The most labels 255 bytes can hold, the root's empty one not counted.
inline constexpr std::size_t kMostLabels = 127;

[[nodiscard]] constexpr std::uint8_t lower(std::uint8_t byte) noexcept {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20) : byte;
}

/// A domain name in wire form, uncompressed, ASCII lower-cased (RFC 4343): the canonical form from
/// which nxgate decides, caches and forwards. A value of 256 bytes, no heap; only those of the name
/// itself are ever written or copied.
class DomainName {
 public:
  /// The root.
  DomainName() noexcept { bytes_[0] = 0; }
  DomainName(const DomainName& other) noexcept : length_(other.length_) {
    std::memcpy(bytes_.data(), other.bytes_.data(), length_);
  }
  DomainName& operator=(const DomainName& other) noexcept {
    length_ = other.length_;
    std::memmove(bytes_.data(), other.bytes_.data(), length_);
    return *this;
  }
  ~DomainName() = default;

  /// Reads an uncompressed name from the front of `wire`, lower-casing ASCII; bytes behind it are
  /// left alone. Empty if it is cut off, too long, or holds a pointer or another label type: a
  /// question is the first name in a message and never needs a pointer, and pointer loops are the
  /// classic parser bug (RFC 9267 section 2). One pass, never throws.
  [[nodiscard]] static std::optional<DomainName> parse(Bytes wire) noexcept;

  /// Reads a name at `offset` of `message`, following compression pointers, which must each point
  /// strictly backwards (RFC 1035 section 4.1.4). `end`, if given, is set behind the name as it
  /// stands at `offset`. Empty as for `parse`.
  [[nodiscard]] static std::optional<DomainName> parse_compressed(Bytes message, std::size_t offset,
                                                                  std::size_t* end) noexcept;

  /// Reads presentation form, with `\.` and `\DDD` escapes (RFC 1035 section 5.1), with or without
  /// the last dot; `.` is the root. On failure says what is wrong, in words for the operator.
  [[nodiscard]] static std::expected<DomainName, std::string_view> from_text(std::string_view text);

  [[nodiscard]] Bytes wire() const noexcept { return {bytes_.data(), length_}; }
  [[nodiscard]] bool is_root() const noexcept { return length_ == 1; }
  [[nodiscard]] std::size_t label_count() const noexcept;

  /// The name without its first label; the root's parent is the root.
  [[nodiscard]] DomainName parent() const noexcept;

  /// Whether this is `other` or a name below it, by whole labels.
  [[nodiscard]] bool is_at_or_below(const DomainName& other) const noexcept;

  /// `label` in front of this name, lower-cased; empty if it is no label or the name grows too
  /// long.
  [[nodiscard]] std::optional<DomainName> with_label(Bytes label) const noexcept;

  /// Presentation form without the last dot (the root is `.`), unprintable bytes escaped.
  [[nodiscard]] std::string to_text() const;

  bool operator==(const DomainName& other) const noexcept;
  std::strong_ordering operator<=>(const DomainName& other) const noexcept;

 private:
  std::uint8_t length_ = 1;  // in front, where the first bytes are
  std::array<std::uint8_t, kLongestName> bytes_;
};

/// The most that `write_text` writes: each byte as `\DDD`.
inline constexpr std::size_t kLongestText = 4 * kLongestName;

/// Writes the presentation form of a name in wire form, as DomainName::to_text gives it, to the
/// front of `out` and returns its size; what doesn't fit is left out. No allocation.
std::size_t write_text(Bytes name, std::span<char> out) noexcept;

/// The hash of a suffix that is longer by `part`, a label with its length in front, from the hash
/// of the suffix; that of the root is the key. Eight bytes at a time, each by one multiplication
/// whose halves are folded, so that every bit of the result depends on every bit before. Parts that
/// don't tell their own length, such as "a" and "aa", may have one hash whatever the key.
[[nodiscard]] inline std::uint64_t extend_hash(std::uint64_t hash, Bytes part,
                                               std::uint64_t key) noexcept {
  const auto mix = [key](std::uint64_t value) noexcept {
    const auto product = static_cast<unsigned __int128>(value) * key;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  const auto load = [](const std::uint8_t* at, auto word) noexcept {
    std::memcpy(&word, at, sizeof word);
    return std::uint64_t{word};
  };
  const std::uint8_t* at = part.data();
  std::size_t left = part.size();
  for (; left > 8; left -= 8, at += 8) hash = mix(hash ^ load(at, std::uint64_t{}));
  if (left >= 4) {
    const std::uint64_t end = load(at + left - 4, std::uint32_t{});
    return mix(hash ^ (load(at, std::uint32_t{}) | end << 32));
  }
  if (left == 0) return hash;
  return mix(hash ^ (at[0] | std::uint64_t{at[left / 2]} << 8 | std::uint64_t{at[left - 1]} << 16));
}

/// Hashes of a name and of every name above it, each computed when it is first asked for.
///
/// That of a suffix is made from that of the suffix with one label less, so a look-up that goes
/// root-first and stops early pays only for what it visited. It is keyed, yet no proof of equality:
/// whoever finds a hash in a table compares the name as well. A short-lived local of one thread;
/// the name must outlive it.
class SuffixHashes {
 public:
  SuffixHashes(const DomainName& name, std::uint64_t key) noexcept
      : SuffixHashes(name.wire(), key) {}
  /// Of a name in wire form.
  SuffixHashes(Bytes name, std::uint64_t key) noexcept;

  /// The labels of the name; suffix `depth` has `depth` labels, suffix 0 is the root.
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
  [[nodiscard]] std::uint64_t hash(std::size_t depth) const noexcept {
    while (known_ < depth) {
      const std::uint64_t shorter = hashes_[known_++];
      hashes_[known_] = extend_hash(shorter, label(known_), key_);
    }
    return hashes_[depth];
  }
  [[nodiscard]] std::uint64_t whole() const noexcept { return hash(depth_); }
  /// The suffix of `depth` labels, as bytes of the name given to the constructor.
  [[nodiscard]] Bytes suffix(std::size_t depth) const noexcept {
    return wire_.subspan(starts_[depth_ - depth]);
  }
  /// The first label of that suffix, with its length in front; 1 <= depth.
  [[nodiscard]] Bytes label(std::size_t depth) const noexcept {
    const std::size_t at = starts_[depth_ - depth];
    return wire_.subspan(at, 1U + wire_[at]);
  }

 private:
  Bytes wire_;
  std::uint64_t key_;
  std::size_t depth_ = 0;
  std::array<std::uint8_t, kMostLabels + 1> starts_;  // of each label in the order of the wire
  mutable std::size_t known_ = 0;                     // hashes up to this depth are computed
  mutable std::array<std::uint64_t, kMostLabels + 1> hashes_;
};

/// The hash of the whole of `name`, as SuffixHashes gives it.
[[nodiscard]] std::uint64_t hash_of(const DomainName& name, std::uint64_t key) noexcept;

/// The key of this process for the hashes above, random at each start and always odd.
[[nodiscard]] std::uint64_t process_hash_key() noexcept;

}  // namespace nxgate::wire
