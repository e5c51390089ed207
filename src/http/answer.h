// What a server answers.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nxgate::http {

struct Answer {
  unsigned status = 0;
  std::string body;

  [[nodiscard]] bool good() const noexcept { return status == 200; }
};

/// Takes the next piece of a body; its error ends the request.
using Sink = std::function<Result<void>(std::string_view piece)>;

/// Keeps a body of at most `most` octets in `body`; a longer one is an error.
[[nodiscard]] inline Sink up_to(std::size_t most, std::string& body) {
  return [most, &body](std::string_view piece) -> Result<void> {
    if (body.size() + piece.size() > most) return fail("the reply is too long");
    body += piece;
    return {};
  };
}

}  // namespace nxgate::http
