// The head of one HTTP/1 request: read strictly, and put together again.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "peek/http_authority.h"
#include "peek/http_body.h"
#include "peek/http_refusal.h"

namespace nxgate::peek {

struct RequestHead {
  Authority authority;
  std::string method;
  std::string target;  ///< as an origin server is asked
  BodyFraming body;
  bool asks_websocket = false;  ///< `Upgrade: websocket` goes on to the server

  /// What goes on: written from what was read, so that no server reads anything else. The target
  /// in origin form, `Connection` with the options that mean something here alone, no upgrade but
  /// the one above.
  std::string text;
};

/// What a request's first line must be, to begin with: a refusal of other protocols and versions.
[[nodiscard]] std::optional<Refusal> check_request_line(std::string_view line);

/// Reads a whole head whose octets HttpHead has let pass. An upgrade is kept only if
/// `may_upgrade`. RFC 9112 sections 3 to 6; refused is whatever is ambiguous there, and what
/// servers are known to read in two ways.
[[nodiscard]] std::expected<RequestHead, Refusal> read_request(std::string_view head,
                                                               bool may_upgrade);

}  // namespace nxgate::peek
