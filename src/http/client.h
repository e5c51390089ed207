// Asking a running nxgate over its control socket.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/answer.h"
#include "http/target.h"

namespace nxgate::http {

/// The answer to one question; blocks until then, or until another thread asks it to stop. The
/// error says what to do: no server there, or no permission.
[[nodiscard]] Result<Answer> exchange(const std::string& socket, const std::string& method,
                                      const Target& target, const std::string& body = {},
                                      const std::stop_token& stop = {});

/// Why the server refuses, in its own words.
[[nodiscard]] std::string refusal(const Answer& answer);

/// The same exchange for whom only the body of a good answer matters: a refusal is an error too.
[[nodiscard]] Result<std::string> ask(const std::string& socket, const std::string& method,
                                      const Target& target, const std::string& body = {},
                                      const std::stop_token& stop = {});

/// As `exchange` for an answer that goes on: gives each line, until `take` is false or the server
/// ends it.
[[nodiscard]] Result<Answer> listen(const std::string& socket, const Target& target,
                                    const std::function<bool(std::string_view line)>& take,
                                    const std::stop_token& stop = {});

}  // namespace nxgate::http
