// Text of others in lines of ours.
#pragma once

#include <string>
#include <string_view>

namespace nxgate {

/// The text with control characters as `\xHH`, so that what a client, a list file or an upstream
/// wrote can neither end a line nor steer a terminal.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace nxgate
