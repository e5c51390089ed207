// Reading DNS messages from a TCP stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "wire/types.h"

namespace nxgate::forward {

/// Puts together what a stream brings in pieces: messages, each behind its length in two octets
/// (RFC 1035 section 4.2.2). Holds the front of one message at most between two calls.
class TcpMessages {
 public:
  /// Calls `take` with each message that is whole, in order. False, at once, if a length is less
  /// than a header's, whatever follows it, or if `take` returns false.
  template <class Take>
  [[nodiscard]] bool feed(Bytes bytes, Take take) {
    std::vector<std::uint8_t> joined;
    if (!front_.empty()) {
      joined = std::exchange(front_, {});
      joined.insert(joined.end(), bytes.begin(), bytes.end());
      bytes = joined;
    }
    while (bytes.size() >= kPrefixSize) {
      const auto size = static_cast<std::size_t>(bytes[0] << 8 | bytes[1]);
      if (size < wire::kHeaderSize) return false;
      if (bytes.size() < kPrefixSize + size) break;
      if (!take(bytes.subspan(kPrefixSize, size))) return false;
      bytes = bytes.subspan(kPrefixSize + size);
    }
    if (!joined.empty() && bytes.size() == joined.size()) {
      front_ = std::move(joined);
    } else {
      front_.assign(bytes.begin(), bytes.end());
    }
    return true;
  }

 private:
  static constexpr std::size_t kPrefixSize = 2;

  std::vector<std::uint8_t> front_;
};

}  // namespace nxgate::forward
