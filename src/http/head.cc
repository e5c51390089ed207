#include "http/head.h"

#include <string>

#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/system/error_code.hpp>

namespace nxgate::http {
namespace {

namespace beast = boost::beast;

template <bool is_request>
std::string text(const beast::http::message<is_request, beast::http::empty_body>& head) {
  beast::http::serializer<is_request, beast::http::empty_body> serializer(head);
  serializer.split(true);
  std::string text;
  boost::system::error_code error;
  while (!serializer.is_header_done() && !error) {
    serializer.next(error, [&](boost::system::error_code&, const auto& buffers) {
      text += beast::buffers_to_string(buffers);
      serializer.consume(beast::buffer_bytes(buffers));
    });
  }
  return text;
}

}  // namespace

std::string text_of(const RequestHead& head) { return text(head); }
std::string text_of(const ReplyHead& head) { return text(head); }

}  // namespace nxgate::http
