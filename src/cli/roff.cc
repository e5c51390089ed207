#include "cli/roff.h"

#include <cctype>
#include <string>
#include <string_view>

#include <fmt/core.h>

namespace nxgate::cli::roff {
namespace {

/// Escapes without the care for the front of a line.
std::string escape_inside(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '"':
        out += "\\(dq";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '\n':
        out += ' ';
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// The text up to the next `mark`, which is taken off with it; nothing if it isn't closed.
std::string_view take_marked(std::string_view& rest, char mark) {
  const auto end = rest.find(mark);
  if (end == std::string_view::npos) return {};
  const std::string_view marked = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return marked;
}

bool starts_emphasis(std::string_view rest) {
  return rest.size() > 1 && rest[0] == '*' &&
         std::isalpha(static_cast<unsigned char>(rest[1])) != 0;
}

}  // namespace

std::string escape(std::string_view text) {
  return (text.starts_with('.') ? "\\&" : "") + escape_inside(text);
}

std::string bold(std::string_view text) { return "\\fB" + escape_inside(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escape_inside(text) + "\\fR"; }

std::string paragraph(std::string_view markdown) {
  std::string out = markdown.starts_with('.') ? "\\&" : "";
  while (!markdown.empty()) {
    const char mark = markdown.front();
    const bool marked = mark == '`' || starts_emphasis(markdown);
    if (marked) {
      std::string_view rest = markdown.substr(1);
      const std::string_view text = take_marked(rest, mark);
      if (!text.empty()) {
        out += mark == '`' ? bold(text) : italic(text);
        markdown = rest;
        continue;
      }
    }
    out += escape_inside(markdown.substr(0, 1));
    markdown.remove_prefix(1);
  }
  return out + "\n";
}

std::string example(std::string_view lines) {
  std::string out = ".PP\n.RS 4\n.nf\n";
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    out += escape(line) + "\n";
    lines.remove_prefix(line.size() == lines.size() ? line.size() : line.size() + 1);
  }
  return out + ".fi\n.RE\n";
}

std::string section(std::string_view heading) { return fmt::format(".SH {}\n", escape(heading)); }
std::string subsection(std::string_view heading) {
  return fmt::format(".SS {}\n", escape(heading));
}
std::string item(std::string_view tag) { return fmt::format(".TP\n{}\n", tag); }

}  // namespace nxgate::cli::roff
