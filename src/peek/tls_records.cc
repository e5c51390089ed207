#include "peek/tls_records.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace nxgate::peek {
namespace {

constexpr std::uint8_t kMajor = 3;
constexpr std::uint8_t kHighestMinor = 4;
constexpr std::size_t kLongestPlain = 1U << 14;
/// RFC 5246 section 6.2.3; early data is encrypted.
constexpr std::size_t kLongestEncrypted = kLongestPlain + 2048;

}  // namespace

std::string_view TlsRecords::check_type(std::uint8_t type) const noexcept {
  if (type >= 20 && type <= 23) {
    const bool is_handshake = type == static_cast<std::uint8_t>(RecordType::kHandshake);
    return is_handshake || allow_ == Allow::kAny ? "" : "a TLS record that isn't of a handshake";
  }
  if (!first_) return "a TLS record of an unknown type";
  if (type >= 0x80) return "an SSLv2 hello, or not TLS";
  return type >= ' ' && type < 0x7f ? "plain text, not TLS" : "not TLS";
}

std::size_t TlsRecords::length() const noexcept {
  return static_cast<std::size_t>(header_[3] << 8 | header_[4]);
}

/// As much of the header as has come.
std::string_view TlsRecords::check_header() const noexcept {
  switch (header_size_) {
    case 1:
      return check_type(header_[0]);
    case 2:
      return header_[1] == kMajor ? "" : "not TLS";
    case 3:
      return header_[2] <= kHighestMinor ? "" : "an unknown TLS version in a record";
    case kHeader: {
      const auto type = static_cast<RecordType>(header_[0]);
      const bool is_data = type == RecordType::kApplicationData;
      if (length() > (is_data ? kLongestEncrypted : kLongestPlain)) return "a TLS record too long";
      return length() > 0 || is_data ? "" : "an empty TLS record";
    }
    default:
      return {};
  }
}

std::optional<TlsRecords::Part> TlsRecords::next(Bytes& bytes) {
  while (left_ == 0 && !bytes.empty() && fault_.empty()) {
    header_[header_size_++] = bytes.front();
    bytes = bytes.subspan(1);
    fault_ = check_header();
    if (header_size_ < kHeader) continue;
    left_ = length();
    header_size_ = 0;
    first_ = false;
  }
  if (!fault_.empty() || bytes.empty()) return std::nullopt;
  const std::size_t taken = std::min(left_, bytes.size());
  left_ -= taken;
  const Part part{static_cast<RecordType>(header_[0]), bytes.first(taken), left_};
  bytes = bytes.subspan(taken);
  return part;
}

}  // namespace nxgate::peek
