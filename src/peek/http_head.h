// The head of an HTTP/1 message as octets: from its first line to the empty one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "peek/http_refusal.h"

namespace nxgate::peek {

/// Gathers a head, and refuses at the first octet that shows it what programs read differently:
/// lines that don't end by CR LF, control characters, folded lines (RFC 9112 sections 2.2 and 5.2),
/// an empty first line. What the lines say isn't looked at.
class HttpHead {
 public:
  enum class State : std::uint8_t { kBroken = 0, kIncomplete, kComplete };
  using CheckLine = std::optional<Refusal> (*)(std::string_view line);

  static constexpr std::size_t kLongest = 1U << 16;

  /// `check` judges the first line, without its end, once it is there.
  explicit HttpHead(CheckLine check) noexcept : check_(check) {}

  /// Takes octets from the front of `bytes`, up to the end of the head.
  State take(Bytes& bytes);

  [[nodiscard]] bool begun() const noexcept { return !text_.empty(); }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }  ///< of kBroken

  /// For the next one.
  void clear();

 private:
  State take(char c);
  State broken(unsigned status, std::string_view reason);
  State end_line();

  CheckLine check_;
  State state_ = State::kIncomplete;
  std::string text_;
  std::size_t line_ = 0;  // where the line begins
  Refusal refusal_;
};

}  // namespace nxgate::peek
