// Text of others in lines of ours.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nxgate {

/// The text with control characters as `\xHH`, so that what a client, a list file or an upstream
/// wrote can neither end a line nor steer a terminal.
[[nodiscard]] std::string escaped(std::string_view text);

/// What a message shows of a text that it quotes, in octets.
inline constexpr std::size_t kLongestQuote = 80;
/// The longest line of the log or of a command's faults, in octets.
inline constexpr std::size_t kLongestLine = 8192;

/// The text, escaped, in at most `most` octets, with `…` and the length of the whole behind what
/// was cut. Time and memory depend on `most` alone. No escape and no UTF-8 sequence is cut in two.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most = kLongestQuote);

/// The text as a message quotes it, between marks. Every message that repeats what a file, a label,
/// a request or a client said does so by this.
[[nodiscard]] std::string quote(std::string_view text, char mark = '`');

}  // namespace nxgate
