#include "peek/http_refusal.h"

#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/escape.h"

namespace nxgate::peek {
namespace {

/// RFC 9110 section 15. Many programs show nothing else of a refusal, so that of a name says whose
/// it is.
std::string_view phrase_of(unsigned status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden by nxgate";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Refused";
  }
}

}  // namespace

std::string refusal_response(unsigned status, std::string_view line, bool to_head) {
  const std::string text = escaped(line) + '\n';
  return fmt::format(
      "HTTP/1.1 {} {}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Length: {}\r\n\r\n{}",
      status, phrase_of(status), text.size(), to_head ? "" : text);
}

}  // namespace nxgate::peek
