// A place in a text that is being read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nxgate::config {

/// Reads a UTF-8 text without NUL from the front, one octet at a time. A copy reads ahead.
class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : text_(text) {}

  /// The next octet; NUL at the end.
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] bool at_line_end() const {
    return at_end() || rest().starts_with("\r\n") || peek() == '\n';
  }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  [[nodiscard]] bool before(std::string_view what) const { return rest().starts_with(what); }
  /// What was read since `start`, an earlier copy.
  [[nodiscard]] std::string_view since(const TextCursor& start) const {
    return text_.substr(start.at_, at_ - start.at_);
  }

  /// Both count from 1, columns in code points.
  [[nodiscard]] std::uint32_t line() const { return line_; }
  [[nodiscard]] std::uint32_t column() const { return column_; }

  void skip(std::size_t octets = 1) {
    for (; octets > 0 && !at_end(); --octets) {
      const auto octet = static_cast<unsigned char>(text_[at_++]);
      if (octet == '\n') {
        ++line_;
        column_ = 1;
      } else if (octet < 0x80 || octet > 0xBF) {
        ++column_;
      }
    }
  }
  /// Skips `what` if it comes next.
  bool take(std::string_view what) {
    if (!before(what)) return false;
    skip(what.size());
    return true;
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') skip();
  }
  /// Up to the line's end, which isn't taken.
  void skip_line() {
    while (!at_end() && peek() != '\n') skip();
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
};

}  // namespace nxgate::config
