// What an HTTP/1 server says to an upgrade (RFC 9110 section 7.8).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "peek/http_head.h"

namespace nxgate::peek {

/// Reads the server's octets, which go on to the client as they are, up to the answer to the first
/// request of the connection.
class UpgradeAnswer {
 public:
  enum class State : std::uint8_t {
    kBroken = 0,  ///< no answer of HTTP/1: the connection must end
    kMore,
    kSwitched,  ///< 101: the client's octets are of another protocol now
    kDeclined,  ///< any other final status: the client's octets are requests as before
  };

  UpgradeAnswer();

  /// Takes more octets. What comes behind the answer's head is left alone.
  State read(Bytes bytes);

  [[nodiscard]] State state() const noexcept { return state_; }

 private:
  State read_head();

  State state_ = State::kMore;
  HttpHead head_;
  unsigned interim_ = 0;
};

}  // namespace nxgate::peek
