// The body of an HTTP/1 request, on its way to the server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace nxgate::peek {

/// How long a body is (RFC 9112 section 6).
struct BodyFraming {
  bool chunked = false;
  std::uint64_t length = 0;  ///< without chunks

  [[nodiscard]] bool is_empty() const noexcept { return !chunked && length == 0; }
};

/// Reads a body and writes it again: octets of a known length as they are, chunks with their sizes
/// written anew. Extensions and trailers are refused, since servers disagree on where they end.
class HttpBody {
 public:
  enum class State : std::uint8_t { kBroken = 0, kIncomplete, kComplete };

  HttpBody() = default;
  explicit HttpBody(BodyFraming framing) noexcept;

  /// Takes octets from the front of `bytes`, up to the end of the body.
  State take(Bytes& bytes, std::string& out);

  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }  ///< of kBroken

 private:
  /// What comes next.
  enum class Next : std::uint8_t {
    kSize,      ///< or CR
    kSizeLf,    ///< of the size's line
    kData,      ///< of a chunk, or of the whole body
    kDataCr,    ///< behind a chunk
    kDataLf,    ///< likewise
    kLastCr,    ///< of the empty line behind the last chunk
    kLastLf,    ///< likewise
    kComplete,  ///< nothing
  };

  State broken(std::string_view fault);
  void take_data(Bytes& bytes, std::string& out);
  State take_framing(char c, std::string& out);
  State take_size(char c);
  State expect(char c, char expected, Next next);
  void end_size_line(std::string& out);

  bool chunked_ = false;
  Next next_ = Next::kComplete;
  std::uint64_t left_ = 0;  // of the data; while its size is read, the size as far as it was read
  unsigned digits_ = 0;
  std::string_view fault_;
};

}  // namespace nxgate::peek
