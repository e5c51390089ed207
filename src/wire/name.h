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

/// The hash of a suffix that is longer by `part`, which stands in front of it in wire form, from
/// the hash of the suffix; that of the root is the key.
[[nodiscard]] inline std::uint64_t extend_hash(std::uint64_t hash, Bytes part,
                                               std::uint64_t key) noexcept {
  for (std::size_t i = part.size(); i > 0; --i) hash = (hash + part[i - 1] + 1) * key;
  return hash;
}

/// Hashes of a name and of every name above it, each computed when it is first asked for.
///
/// The hash of a suffix is a polynomial over its wire bytes from the last to the first, so walking
/// a name backwards the running value *is* the hash of each suffix as it begins; a look-up that
/// goes root-first and stops early pays for what it saw. An eBPF program can compute it byte by
/// byte. It is keyed, yet no proof of equality: whoever finds a hash in a table compares the name
/// as well. A short-lived local of one thread; `name` must outlive it.
class SuffixHashes {
 public:
  SuffixHashes(const DomainName& name, std::uint64_t key) noexcept;

  /// The labels of the name; suffix `depth` has `depth` labels, suffix 0 is the root.
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
  [[nodiscard]] std::uint64_t hash(std::size_t depth) const noexcept {
    if (depth > known_) extend(depth);
    return hashes_[depth];
  }
  [[nodiscard]] std::uint64_t whole() const noexcept { return hash(depth_); }
  /// The suffix of `depth` labels, as bytes of the name given to the constructor.
  [[nodiscard]] Bytes suffix(std::size_t depth) const noexcept {
    return wire_.subspan(starts_[depth_ - depth]);
  }

 private:
  void extend(std::size_t depth) const noexcept;

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
