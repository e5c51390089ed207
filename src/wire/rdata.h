// What is known of the inside of record data: where compressible names stand.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::wire {

/// The fields of a type's rdata, one character each: `n` a name that may be compressed, a digit
/// that many bytes, `s` a character-string, `*` all that is left. Empty for a type that is opaque:
/// unknown ones, and those defined since RFC 3597, whose names are never compressed (SVCB, RRSIG).
[[nodiscard]] std::string_view rdata_layout(Type type) noexcept;

/// Where rdata stands in a message.
struct RdataAt {
  Bytes message;
  std::size_t offset = 0;
  std::size_t size = 0;
  /// Letters that a pointer takes from before this offset are written small: there stands our own
  /// question, in the random case in which we sent it.
  std::size_t question_end = 0;
};

/// Copies rdata with its names decompressed (RFC 3597 section 4), their case kept; opaque rdata
/// byte for byte. False if it doesn't fit its layout exactly, a name is broken or `out` is full;
/// then `out` holds part of it.
[[nodiscard]] bool copy_rdata(Type type, const RdataAt& rdata, Writer& out) noexcept;

}  // namespace nxgate::wire
