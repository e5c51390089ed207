#include "config/syntax.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "config/context.h"
#include "config/scalar_syntax.h"
#include "config/text_cursor.h"

namespace nxgate::config {
namespace {

constexpr std::size_t kLargestText = 16UL << 20;
/// Lists and inline tables in each other; ours need three.
constexpr std::size_t kDeepest = 16;

constexpr std::string_view kMarkMissing = "; is a quotation mark missing, or one too many?";
constexpr std::string_view kNameNeedsMarks =
    "; a name with other characters than letters, digits, - and _ needs quotation marks";

class Syntax {
 public:
  Syntax(std::string_view text, const std::string& file, Context& context)
      : cursor_(text), file_(file), context_(context) {}

  void check();

 private:
  /// A list or inline table that isn't closed yet.
  struct Open {
    TextCursor at;
    char closing;
  };
  /// What comes next in a value.
  enum class Next : std::uint8_t { kFault, kValue, kEnd };

  bool statement();
  bool header();
  bool assignment();
  bool line_end();
  bool value();
  Next open();
  Next member(bool first);
  Next separator();
  Next not_closed();
  void skip_space();
  void resume(const TextCursor& start);

  bool fault(const TextCursor& at, std::string text);
  bool fault(const std::optional<Slip>& slip) { return fault(slip->at, slip->text); }

  TextCursor cursor_;
  const std::string& file_;
  Context& context_;
  std::vector<Open> open_;
};

bool Syntax::fault(const TextCursor& at, std::string text) {
  context_.fault({file_, at.line(), at.column()}, std::move(text));
  return false;
}

/// Whether a line begins a table or gives a key its value, rather than going on with a list.
bool is_statement(TextCursor line) {
  line.skip_blanks();
  const bool header = line.take("[");
  if (header) line.take("[");
  return !skip_key(line) && line.peek() == (header ? ']' : '=');
}

/// Goes on behind a fault: in the next line or, if the statement is longer, in the next one that
/// begins another.
void Syntax::resume(const TextCursor& start) {
  const bool longer = !open_.empty() || cursor_.line() > start.line();
  open_.clear();
  TextCursor line = start;
  do {
    line.skip_line();
    line.skip();
  } while (!line.at_end() && (line.line() < cursor_.line() || (longer && !is_statement(line))));
  cursor_ = line;
}

void Syntax::check() {
  while (!cursor_.at_end() && !context_.stopped(file_)) {
    const TextCursor start = cursor_;
    if (!statement()) resume(start);
  }
}

/// A line with nothing, a table's header, or a key and its value.
bool Syntax::statement() {
  cursor_.skip_blanks();
  if (cursor_.at_line_end() || cursor_.peek() == '#') return line_end();
  if (cursor_.before("//") || cursor_.peek() == ';') {
    return fault(cursor_, "a comment begins with #");
  }
  return (cursor_.peek() == '[' ? header() : assignment() && value()) && line_end();
}

bool Syntax::header() {
  cursor_.skip();
  const std::string_view closing = cursor_.take("[") ? "]]" : "]";
  cursor_.skip_blanks();
  if (const auto slip = skip_key(cursor_)) return fault(slip);
  if (cursor_.take(closing)) return true;
  const bool ends = cursor_.at_line_end() || cursor_.peek() == ']';
  return fault(cursor_, fmt::format("expected '{}' behind the table's name, found {}{}", closing,
                                    found(cursor_), ends ? "" : kNameNeedsMarks));
}

/// `key =`, so that the value comes next.
bool Syntax::assignment() {
  const TextCursor start = cursor_;
  if (const auto slip = skip_key(cursor_)) return fault(slip);
  std::string_view key = cursor_.since(start);
  key = key.substr(0, key.find_last_not_of(" \t") + 1);
  if (!cursor_.take("=")) {
    return fault(cursor_, fmt::format("expected '=' and a value behind the key {}, found {}",
                                      in_quotes(key), found(cursor_)));
  }
  cursor_.skip_blanks();
  return true;
}

bool Syntax::line_end() {
  cursor_.skip_blanks();
  if (cursor_.peek() == '#') cursor_.skip_line();
  if (cursor_.at_line_end()) {
    cursor_.skip_line();
    cursor_.skip();
    return true;
  }
  if (cursor_.peek() == ',') {
    return fault(cursor_,
                 "expected the end of the line, found ',': several values are a list, "
                 "[…, …]");
  }
  return fault(cursor_, fmt::format("expected the end of the line, found {}{}", found(cursor_),
                                    kMarkMissing));
}

/// A value, with everything in it.
bool Syntax::value() {
  while (true) {
    Next next = Next::kEnd;
    if (cursor_.peek() == '[' || cursor_.peek() == '{') {
      next = open();
    } else if (const auto slip = is_quotation_mark(cursor_.peek()) ? skip_text(cursor_)
                                                                   : skip_bare_value(cursor_)) {
      return fault(slip);
    }
    while (next == Next::kEnd && !open_.empty()) next = separator();
    if (next != Next::kValue) return next == Next::kEnd;
  }
}

Syntax::Next Syntax::open() {
  if (open_.size() == kDeepest) {
    fault(cursor_,
          fmt::format("lists and tables in more than {} others; none of ours are", kDeepest));
    return Next::kFault;
  }
  open_.push_back({cursor_, cursor_.peek() == '[' ? ']' : '}'});
  cursor_.skip();
  return member(true);
}

/// Goes to the next value of the list or inline table, or behind its end.
Syntax::Next Syntax::member(bool first) {
  const bool list = open_.back().closing == ']';
  skip_space();
  if ((first || list) && cursor_.take({&open_.back().closing, 1})) {
    open_.pop_back();
    return Next::kEnd;
  }
  if (list && !cursor_.at_end()) return Next::kValue;
  if (cursor_.at_line_end()) return not_closed();
  return assignment() ? Next::kValue : Next::kFault;
}

Syntax::Next Syntax::separator() {
  skip_space();
  if (cursor_.take(",")) return member(false);
  if (cursor_.take({&open_.back().closing, 1})) {
    open_.pop_back();
    return Next::kEnd;
  }
  if (cursor_.at_line_end() || (cursor_.line() > open_.back().at.line() && is_statement(cursor_))) {
    return not_closed();
  }
  if (is_quotation_mark(cursor_.peek())) {
    fault(cursor_, "expected a comma between two values");
  } else {
    fault(cursor_, fmt::format("expected ',' or '{}', found {}{}", open_.back().closing,
                               found(cursor_), kMarkMissing));
  }
  return Next::kFault;
}

Syntax::Next Syntax::not_closed() {
  const Open& open = open_.back();
  if (open.closing == ']') {
    fault(open.at, fmt::format("this list isn't closed: expected ']' before {}",
                               cursor_.at_end() ? "the end of the file"
                                                : fmt::format("line {}", cursor_.line())));
  } else {
    fault(open.at, "this table isn't closed: expected '}' before the end of the line");
  }
  return Next::kFault;
}

/// Skips blanks and, in a list, the ends of lines and comments.
void Syntax::skip_space() {
  while (true) {
    cursor_.skip_blanks();
    if (open_.back().closing != ']') return;
    if (cursor_.peek() == '#') cursor_.skip_line();
    if (cursor_.at_end() || !cursor_.at_line_end()) return;
    cursor_.skip_line();
    cursor_.skip();
  }
}

}  // namespace

bool check_syntax(std::string_view text, const std::string& file, Context& context) {
  if (text.size() > kLargestText) {
    context.fault({file, 0, 0},
                  fmt::format("{} bytes long; expected at most {}", text.size(), kLargestText));
    return false;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t before = context.faults.size();
  if (const auto slip = encoding_slip(text)) {
    context.fault({file, slip->at.line(), slip->at.column()}, slip->text);
  } else {
    Syntax(text, file, context).check();
  }
  return context.faults.size() == before;
}

}  // namespace nxgate::config
