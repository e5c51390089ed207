#include "peek/http_body.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/bytes.h"

namespace nxgate::peek {
namespace {

/// So that no size overflows, here or elsewhere.
constexpr unsigned kMostDigits = 15;

int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

HttpBody::HttpBody(BodyFraming framing) noexcept
    : chunked_(framing.chunked), left_(framing.chunked ? 0 : framing.length) {
  if (chunked_) {
    next_ = Next::kSize;
  } else if (left_ > 0) {
    next_ = Next::kData;
  }
}

HttpBody::State HttpBody::broken(std::string_view fault) {
  fault_ = fault;
  return State::kBroken;
}

HttpBody::State HttpBody::take(Bytes& bytes, std::string& out) {
  while (next_ != Next::kComplete && fault_.empty() && !bytes.empty()) {
    if (next_ == Next::kData) {
      take_data(bytes, out);
    } else {
      take_framing(static_cast<char>(bytes.front()), out);
      bytes = bytes.subspan(1);
    }
  }
  if (!fault_.empty()) return State::kBroken;
  return next_ == Next::kComplete ? State::kComplete : State::kIncomplete;
}

void HttpBody::take_data(Bytes& bytes, std::string& out) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  out.append(reinterpret_cast<const char*>(bytes.data()), size);
  bytes = bytes.subspan(size);
  left_ -= size;
  if (left_ == 0) next_ = chunked_ ? Next::kDataCr : Next::kComplete;
}

HttpBody::State HttpBody::take_framing(char c, std::string& out) {
  switch (next_) {
    case Next::kSize:
      return take_size(c);
    case Next::kSizeLf:
      if (expect(c, '\n', Next::kData) != State::kBroken) end_size_line(out);
      return fault_.empty() ? State::kIncomplete : State::kBroken;
    case Next::kDataCr:
      return expect(c, '\r', Next::kDataLf);
    case Next::kDataLf:
      if (c == '\n') out += "\r\n";
      return expect(c, '\n', Next::kSize);
    case Next::kLastCr:
      return c == '\r' ? expect(c, '\r', Next::kLastLf) : broken("fields behind the body");
    case Next::kLastLf:
      if (c == '\n') out += "0\r\n\r\n";
      return expect(c, '\n', Next::kComplete);
    case Next::kData:
    case Next::kComplete:
      break;
  }
  return broken("no framing");
}

HttpBody::State HttpBody::take_size(char c) {
  if (c == '\r' && digits_ > 0) return expect(c, '\r', Next::kSizeLf);
  if (c == ';') return broken("a chunk with an extension");
  const int digit = digit_of(c);
  if (digit < 0 || ++digits_ > kMostDigits) return broken("a chunk without a proper size");
  left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
  return State::kIncomplete;
}

HttpBody::State HttpBody::expect(char c, char expected, Next next) {
  if (c != expected) return broken("a chunk that doesn't end as it says");
  next_ = next;
  return State::kIncomplete;
}

void HttpBody::end_size_line(std::string& out) {
  digits_ = 0;
  if (left_ == 0) {
    next_ = Next::kLastCr;
  } else {
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", left_);
  }
}

}  // namespace nxgate::peek
