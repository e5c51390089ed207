#include "peek/http_head.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace nxgate::peek {
namespace {

constexpr char kTlsHandshake = 22;
/// More memory than that isn't kept for the next head.
constexpr std::size_t kUsual = 4096;

constexpr bool is_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
}

}  // namespace

void HttpHead::clear() {
  state_ = State::kIncomplete;
  if (text_.capacity() > kUsual) text_ = {};
  text_.clear();
  line_ = 0;
}

HttpHead::State HttpHead::broken(unsigned status, std::string_view reason) {
  refusal_ = {status, reason};
  return state_ = State::kBroken;
}

HttpHead::State HttpHead::take(Bytes& bytes) {
  while (state_ == State::kIncomplete && !bytes.empty()) {
    take(static_cast<char>(bytes.front()));
    bytes = bytes.subspan(1);
  }
  return state_;
}

HttpHead::State HttpHead::take(char c) {
  if (text_.empty() && c == kTlsHandshake) return broken(400, "TLS, not HTTP");
  if (text_.size() >= kLongest) return broken(431, "a head of more than 64 KiB");
  const bool after_return = text_.ends_with('\r');
  if (after_return != (c == '\n')) return broken(400, "a line that doesn't end by CR LF");
  const bool begins = text_.size() == line_;
  if (begins && (c == ' ' || c == '\t')) return broken(400, "a line that begins with a space");
  if (begins && line_ == 0 && c == '\r') return broken(400, "an empty line for a request");
  if (is_control(c) && c != '\r' && c != '\n') return broken(400, "a control character");
  text_.push_back(c);
  return c == '\n' ? end_line() : state_;
}

HttpHead::State HttpHead::end_line() {
  const auto line = std::string_view(text_).substr(line_, text_.size() - line_ - 2);
  if (line_ == 0) {
    if (const auto refusal = check_(line)) return broken(refusal->status, refusal->reason);
  }
  line_ = text_.size();
  if (line.empty()) state_ = State::kComplete;
  return state_;
}

}  // namespace nxgate::peek
