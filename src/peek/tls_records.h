// A TLS connection as records (RFC 8446 section 5.1), as its octets come.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace nxgate::peek {

/// RFC 8446 section 5.1 and appendix B.1.
enum class RecordType : std::uint8_t {
  kInvalid = 0,
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

/// Cuts a stream into what its records contain. Each octet is looked at once; nothing is kept but a
/// record's header. What is read before the first ServerHello has no protection, so that only there
/// the contents mean anything.
class TlsRecords {
 public:
  enum class Allow : std::uint8_t { kHandshake = 0, kAny };

  /// Which types of records may come; another one is a fault at its first octet.
  explicit TlsRecords(Allow allow) noexcept : allow_(allow) {}

  /// A piece of what one record contains.
  struct Part {
    RecordType type = RecordType::kInvalid;
    Bytes bytes;
    std::size_t left = 0;  ///< octets of this record that are still to come
  };

  /// Takes the next part from the front of `bytes`. Nothing: all of them were taken and more is
  /// needed, or `fault` says why this isn't TLS.
  [[nodiscard]] std::optional<Part> next(Bytes& bytes);

  /// Empty while there is none; in words for the operator. It stays.
  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }

 private:
  static constexpr std::size_t kHeader = 5;

  [[nodiscard]] std::string_view check_type(std::uint8_t type) const noexcept;
  [[nodiscard]] std::string_view check_header() const noexcept;
  [[nodiscard]] std::size_t length() const noexcept;

  Allow allow_;
  std::array<std::uint8_t, kHeader> header_{};
  std::size_t header_size_ = 0;
  std::size_t left_ = 0;  // of the record whose header is complete
  bool first_ = true;
  std::string_view fault_;
};

}  // namespace nxgate::peek
