// The head of a message as it is sent.
#pragma once

#include <string>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

namespace nxgate::http {

using RequestHead = boost::beast::http::request<boost::beast::http::empty_body>;
using ReplyHead = boost::beast::http::response<boost::beast::http::empty_body>;

/// With the empty line at its end; the body follows it. Any thread.
[[nodiscard]] std::string text_of(const RequestHead& head);
[[nodiscard]] std::string text_of(const ReplyHead& head);

}  // namespace nxgate::http
