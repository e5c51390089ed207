// Text for manual pages: what roff would take for a command is escaped.
#pragma once

#include <string>
#include <string_view>

namespace nxgate::cli::roff {

/// As it stands: quotes, backslashes and a dot at the front mean nothing, a hyphen is one that can
/// be pasted into a shell, and a line break is a space.
[[nodiscard]] std::string escape(std::string_view text);

[[nodiscard]] std::string bold(std::string_view text);
[[nodiscard]] std::string italic(std::string_view text);

/// A paragraph of Markdown on one line: `code` is bold, *emphasis* italic.
[[nodiscard]] std::string paragraph(std::string_view markdown);

/// Lines that are shown as they stand.
[[nodiscard]] std::string example(std::string_view lines);

/// `.SH`, `.SS` and `.TP` with their heading; the heading is escaped, the tag is roff already.
[[nodiscard]] std::string section(std::string_view heading);
[[nodiscard]] std::string subsection(std::string_view heading);
[[nodiscard]] std::string item(std::string_view tag);

}  // namespace nxgate::cli::roff
