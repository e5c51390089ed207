// Why a request of HTTP/1 isn't passed on, and what its client is told.
#pragma once

#include <string>
#include <string_view>

namespace nxgate::peek {

struct Refusal {
  unsigned status = 400;    ///< of HTTP
  std::string_view reason;  ///< in words for the operator
};

/// A whole response that closes the connection: the status, and one line of text for the person who
/// reads it. Control characters in `line` are escaped. `to_head`: it answers HEAD, so that only the
/// length of the text is said (RFC 9110 section 9.3.2).
[[nodiscard]] std::string refusal_response(unsigned status, std::string_view line,
                                           bool to_head = false);

}  // namespace nxgate::peek
