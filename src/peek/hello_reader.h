// The first ClientHello of a connection, as its octets come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "peek/client_hello.h"
#include "peek/tls_records.h"

namespace nxgate::peek {

/// Reads a connection's octets up to the end of the ClientHello that it begins with, over any
/// number of records. Anything else is broken at the first octet that shows it. The cost is linear
/// in the octets, however they are split, and so is the result: it depends on them alone.
class HelloReader {
 public:
  using State = HelloMessage::State;

  /// The most octets that are read for a hello, with the headers of its records: who holds them
  /// back meanwhile needs no more memory than that.
  static constexpr std::size_t kMostOctets = 2 * HelloMessage::kLongest;

  /// Takes more octets. What comes behind the hello (early data) is left alone.
  State read(Bytes bytes);

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Of kComplete.
  [[nodiscard]] const ClientHello& hello() const noexcept { return message_.hello(); }
  /// Of kBroken: why, in words for the operator.
  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }
  /// Of kComplete: so many of all octets read belong to the hello's records.
  [[nodiscard]] std::size_t extent() const noexcept { return extent_; }

 private:
  State broken(std::string_view fault);

  State state_ = State::kIncomplete;
  TlsRecords records_{TlsRecords::Allow::kHandshake};
  HelloMessage message_;
  std::size_t extent_ = 0;
  std::string_view fault_;
};

}  // namespace nxgate::peek
