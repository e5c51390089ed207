// Asking a running nxgate over its control socket.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "admin/target.h"
#include "base/error.h"

namespace nxgate::admin {

struct Answer {
  unsigned status = 0;
  std::string body;
};

/// One question and its answer; blocks until then, or until another thread asks it to stop. The
/// error says what to do: no server there, no permission.
[[nodiscard]] Result<Answer> ask(const std::string& socket, const std::string& method,
                                 const Target& target, const std::string& body = {},
                                 const std::stop_token& stop = {});

/// The same for an answer that goes on: gives each line, until `take` is false or the server ends
/// it. An answer whose status isn't 200 is returned whole.
[[nodiscard]] Result<Answer> listen(const std::string& socket, const Target& target,
                                    const std::function<bool(std::string_view line)>& take,
                                    const std::stop_token& stop = {});

}  // namespace nxgate::admin
