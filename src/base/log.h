// What nxgate tells its operator, on standard error, one line a message.
//
// To systemd's journal, which has times and colours of its own, a line is `<4>text`, with the
// priority in front. Otherwise time and level are in front, coloured on a terminal unless NO_COLOR
// is set.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace nxgate::log {

/// From quiet to talkative. `kQuery` is `-v`, `kExchange` is `-vv`.
enum class Level : std::uint8_t { kError, kWarning, kInfo, kQuery, kExchange };

/// Sets what is shown. Call before the first thread is started.
void set_level(Level most_talkative);
[[nodiscard]] bool enabled(Level level) noexcept;

/// What a line that is written to standard error without `write` begins with: the level as the
/// journal reads it, `<3>`, if standard error is the journal, else nothing.
[[nodiscard]] std::string_view journal_prefix(Level level) noexcept;

/// Writes one line. Any thread; never throws; control characters of the text are escaped, since
/// client-chosen names reach the log.
void write(Level level, std::string_view text) noexcept;

template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}

/// Reports a fault that may come a thousand times a second. The first of each `key` is written at
/// once; further ones are counted and the count is written with the next one after a minute, or by
/// `flush_repeated`. Any thread.
void repeated(std::string_view key, std::string_view text);

/// Writes the counts that `repeated` still holds, as at stop.
void flush_repeated();

}  // namespace nxgate::log
