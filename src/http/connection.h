// One HTTP/1.1 request to a server at a unix socket.
#pragma once

#include <chrono>
#include <expected>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>

#include "base/error.h"

namespace nxgate::http {

/// Where a server listens, and what errors say when it can't be reached.
struct UnixServer {
  std::string path;           ///< of its socket
  std::string host;           ///< the header of that name
  std::string name;           ///< in `cannot connect to NAME`
  std::string too_long;       ///< the path is longer than a socket's can be
  std::string absent;         ///< there is no such socket
  std::string not_listening;  ///< nobody listens on it
  std::string forbidden;      ///< we lack the permission
};

/// Used by the thread that runs `loop`; must outlive the coroutines it returns. After `close` every
/// error is `asio::error::operation_aborted`; a peer that closes too early is
/// `beast::http::error::end_of_stream` or `partial_message`.
class Connection {
 public:
  Connection(boost::asio::io_context& loop, UnixServer server);

  /// All that follows ends by then, with `beast::error::timeout`. Without a call there is no limit.
  void expires_after(std::chrono::seconds limit) { stream_.expires_after(limit); }
  void expires_never() { stream_.expires_never(); }

  /// The error says what to do.
  [[nodiscard]] boost::asio::awaitable<Result<void>> connect();
  /// Sends the request, with JSON as its body unless that is empty, and reads the answer's head.
  [[nodiscard]] boost::asio::awaitable<boost::system::error_code> ask(std::string method,
                                                                      std::string target,
                                                                      std::string body = {});
  [[nodiscard]] unsigned status() const { return parser_.get().result_int(); }
  /// Waits for more of the body; empty at its end.
  [[nodiscard]] boost::asio::awaitable<std::expected<std::string, boost::system::error_code>>
  read_some();

  /// Ends what waits, and whatever begins later.
  void close();

 private:
  using Local = boost::asio::local::stream_protocol;

  [[nodiscard]] boost::system::error_code reported(const boost::system::error_code& error) const;

  UnixServer server_;
  bool closed_ = false;
  boost::beast::basic_stream<Local, boost::asio::io_context::executor_type> stream_;
  boost::beast::flat_buffer buffer_;
  boost::beast::http::response_parser<boost::beast::http::string_body> parser_;
};

}  // namespace nxgate::http
