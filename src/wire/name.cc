#include "wire/name.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <sodium.h>

#include "base/ascii.h"
#include "base/bytes.h"
#include "wire/types.h"

namespace nxgate::wire {
namespace {

/// `lower` of eight bytes: adding to the lower seven bits of each sets the eighth from 'A' on, and
/// from behind 'Z' on.
std::uint64_t lower_eight(std::uint64_t bytes) noexcept {
  constexpr std::uint64_t kEach = 0x0101'0101'0101'0101;
  const std::uint64_t low = bytes & 0x7f * kEach;
  const std::uint64_t from_a = low + (0x80 - 'A') * kEach;
  const std::uint64_t behind_z = low + (0x7f - 'Z') * kEach;
  return bytes | ((from_a ^ behind_z) & ~bytes & 0x80 * kEach) >> 2;
}

/// Lowers labels with their length bytes, which are below 'A'.
void lower_all(Bytes from, std::uint8_t* to) noexcept {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (from.size() < kWord) {
    std::ranges::transform(from, to, lower);
    return;
  }
  const auto word = [&](std::size_t at) noexcept {
    std::uint64_t bytes = 0;
    // memcpy would ask at each word how long the arrays are (_FORTIFY_SOURCE), by a call.
    __builtin_memcpy(&bytes, from.data() + at, kWord);
    bytes = lower_eight(bytes);
    __builtin_memcpy(to + at, &bytes, kWord);
  };
  // The last word may overlap the one before: a byte that is lowered twice is the same.
  const std::size_t last = from.size() - kWord;
  for (std::size_t at = 0; at < last; at += kWord) word(at);
  word(last);
}

/// Reads the escape that follows a backslash at the front of `text` and removes it from there.
std::optional<std::uint8_t> take_escape(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  if (!is_digit(text[0])) {
    const auto byte = static_cast<std::uint8_t>(text[0]);
    text.remove_prefix(1);
    return byte;
  }
  if (text.size() < 3 || !is_digit(text[1]) || !is_digit(text[2])) return std::nullopt;
  const int value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  if (value > 255) return std::nullopt;
  text.remove_prefix(3);
  return static_cast<std::uint8_t>(value);
}

}  // namespace

std::optional<DomainName> DomainName::parse(Bytes wire) noexcept {
  const std::size_t limit = std::min(wire.size(), kLongestName);
  std::size_t last = 0;  // where the zero byte stands
  while (last < limit && wire[last] != 0) {
    if (wire[last] > kLongestLabel) return std::nullopt;
    last += 1U + wire[last];
  }
  if (last >= limit) return std::nullopt;
  std::optional<DomainName> name(std::in_place);
  lower_all(wire.first(last), name->bytes_.data());
  name->bytes_[last] = 0;
  name->length_ = static_cast<std::uint8_t>(last + 1);
  return name;
}

std::optional<DomainName> DomainName::parse_compressed(Bytes message, std::size_t offset,
                                                       std::size_t* end) noexcept {
  DomainName name;
  std::size_t written = 0;
  std::size_t at = offset;
  std::size_t lowest = offset;  // a pointer must lead below everything read so far
  std::size_t jumps = 0;
  while (at < message.size()) {
    const std::uint8_t length = message[at];
    if ((length & kPointerBits) == kPointerBits) {
      if (at + 2 > message.size()) return std::nullopt;
      const std::size_t target = static_cast<std::size_t>(length & 0x3f) << 8 | message[at + 1];
      // Each pointer that is needed brings a label; a ladder of them brings work only.
      if (target >= lowest || jumps == kMostLabels) return std::nullopt;
      if (jumps++ == 0 && end != nullptr) *end = at + 2;
      lowest = at = target;
      continue;
    }
    if (length > kLongestLabel || at + 1 + length > message.size() ||
        written + 1 + length > kLongestName) {
      return std::nullopt;
    }
    name.bytes_[written++] = length;
    for (std::size_t i = 1; i <= length; ++i) name.bytes_[written++] = lower(message[at + i]);
    at += 1U + length;
    if (length == 0) {
      if (jumps == 0 && end != nullptr) *end = at;
      name.length_ = static_cast<std::uint8_t>(written);
      return name;
    }
  }
  return std::nullopt;
}

std::expected<DomainName, std::string_view> DomainName::from_text(std::string_view text) {
  if (text.empty()) return std::unexpected("a name can't be empty");
  DomainName name;
  if (text == ".") return name;
  std::size_t label_at = 0;  // where the length byte of the open label stands
  std::size_t size = 1;
  const auto close_label = [&]() -> std::string_view {
    const std::size_t length = size - label_at - 1;
    if (length == 0) return "it has an empty label (two dots in a row, or one in front)";
    if (length > kLongestLabel) return "a label is longer than 63 bytes";
    name.bytes_[label_at] = static_cast<std::uint8_t>(length);
    label_at = size++;
    return {};
  };
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '.') {
      if (const auto wrong = close_label(); !wrong.empty()) return std::unexpected(wrong);
      continue;
    }
    std::uint8_t byte = static_cast<std::uint8_t>(c);
    if (c == '\\') {
      const auto escaped = take_escape(text);
      if (!escaped)
        return std::unexpected("an escape is \\DDD up to \\255, or \\ and one character");
      byte = *escaped;
    } else if (byte <= ' ' || byte == 0x7f) {
      return std::unexpected("it has a space or a control character");
    } else if (byte >= 0x80) {
      return std::unexpected("it isn't ASCII; write its xn-- form (idn2 NAME prints it)");
    }
    if (size + 1 >= kLongestName) return std::unexpected("it is longer than 255 bytes");
    name.bytes_[size++] = lower(byte);
  }
  if (size > label_at + 1) {
    if (const auto wrong = close_label(); !wrong.empty()) return std::unexpected(wrong);
  }
  name.bytes_[label_at] = 0;
  name.length_ = static_cast<std::uint8_t>(label_at + 1);
  return name;
}

std::size_t DomainName::label_count() const noexcept {
  std::size_t count = 0;
  for (std::size_t at = 0; bytes_[at] != 0; at += 1U + bytes_[at]) ++count;
  return count;
}

DomainName DomainName::parent() const noexcept {
  DomainName parent;
  if (is_root()) return parent;
  const std::size_t skip = 1U + bytes_[0];
  parent.length_ = static_cast<std::uint8_t>(length_ - skip);
  std::memcpy(parent.bytes_.data(), bytes_.data() + skip, parent.length_);
  return parent;
}

bool DomainName::is_at_or_below(const DomainName& other) const noexcept {
  if (other.length_ > length_) return false;
  const std::size_t start = length_ - other.length_;
  std::size_t at = 0;
  while (at < start) at += 1U + bytes_[at];
  return at == start && std::memcmp(bytes_.data() + at, other.bytes_.data(), other.length_) == 0;
}

std::optional<DomainName> DomainName::with_label(Bytes label) const noexcept {
  if (label.empty() || label.size() > kLongestLabel || length_ + 1 + label.size() > kLongestName) {
    return std::nullopt;
  }
  DomainName name;
  name.bytes_[0] = static_cast<std::uint8_t>(label.size());
  std::ranges::transform(label, name.bytes_.begin() + 1, lower);
  std::memcpy(name.bytes_.data() + 1 + label.size(), bytes_.data(), length_);
  name.length_ = static_cast<std::uint8_t>(length_ + 1 + label.size());
  return name;
}

std::string DomainName::to_text() const {
  std::array<char, kLongestText> text;
  return {text.data(), write_text(wire(), text)};
}

std::size_t write_text(Bytes name, std::span<char> out) noexcept {
  std::size_t size = 0;
  const auto put = [&](int character) {
    if (size < out.size()) out[size++] = static_cast<char>(character);
  };
  if (name.size() == 1) put('.');
  for (std::size_t at = 0; name[at] != 0; at += 1U + name[at]) {
    if (at != 0) put('.');
    for (const std::uint8_t byte : name.subspan(at + 1, name[at])) {
      const bool readable = byte > ' ' && byte < 0x7f;
      if (!readable || byte == '.' || byte == '\\') put('\\');
      if (readable) {
        put(byte);
      } else {
        put('0' + byte / 100);
        put('0' + byte / 10 % 10);
        put('0' + byte % 10);
      }
    }
  }
  return size;
}

bool DomainName::operator==(const DomainName& other) const noexcept {
  return length_ == other.length_ && std::memcmp(bytes_.data(), other.bytes_.data(), length_) == 0;
}

std::strong_ordering DomainName::operator<=>(const DomainName& other) const noexcept {
  return std::lexicographical_compare_three_way(bytes_.begin(), bytes_.begin() + length_,
                                                other.bytes_.begin(),
                                                other.bytes_.begin() + other.length_);
}

SuffixHashes::SuffixHashes(Bytes name, std::uint64_t key) noexcept : wire_(name), key_(key) {
  std::size_t at = 0;
  for (; wire_[at] != 0; at += 1U + wire_[at]) starts_[depth_++] = static_cast<std::uint8_t>(at);
  starts_[depth_] = static_cast<std::uint8_t>(at);
  hashes_[0] = key;
}

std::uint64_t hash_of(const DomainName& name, std::uint64_t key) noexcept {
  return SuffixHashes(name, key).whole();
}

std::uint64_t process_hash_key() noexcept {
  static const std::uint64_t key = [] {
    std::uint64_t random = 0;
    randombytes_buf(&random, sizeof random);
    return random | 1;
  }();
  return key;
}

}  // namespace nxgate::wire
