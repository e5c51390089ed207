#include "http/client.h"

#include <cstddef>
#include <exception>
#include <expected>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "base/json.h"
#include "http/answer.h"
#include "http/connection.h"
#include "http/target.h"

namespace nxgate::http {

namespace asio = boost::asio;
namespace json = boost::json;
using boost::system::error_code;

namespace {

struct Question {
  const std::string& method;
  const Target& target;
  const std::string& body;
};

/// Sees the answer with each piece of its body, of which it may take some away; true ends it.
using Enough = std::function<bool(Answer& answer)>;

UnixServer nxgate_at(const std::string& socket) {
  const std::string none = fmt::format(
      "no nxgate is running with its control socket at {}: start one, or give the socket of the "
      "running one with --control PATH",
      socket);
  return {.path = socket,
          .host = "nxgate",
          .name = socket,
          .too_long = fmt::format("--control: the path is too long: {}", socket),
          .absent = none,
          .not_listening = none,
          .forbidden = fmt::format("no permission to use {}: run as root or as a member of the "
                                   "group in control.group",
                                   socket)};
}

/// An answer that has begun is complete when its connection ends.
bool ends_body(const error_code& error) {
  namespace http = boost::beast::http;
  return error == http::error::end_of_stream || error == http::error::partial_message ||
         error == asio::error::operation_aborted;
}

std::unexpected<Error> lost(const std::string& socket, const error_code& error) {
  return fail(fmt::format("the connection to nxgate at {} was lost: {}", socket, error.message()));
}

asio::awaitable<Result<Answer>> fetch(Connection& connection, const std::string& socket,
                                      const Question& question, const Enough& enough) {
  const auto connected = co_await connection.connect();
  if (!connected) co_return std::unexpected(connected.error());
  const error_code unanswered =
      co_await connection.ask(question.method, to_string(question.target), question.body);
  if (unanswered) co_return lost(socket, unanswered);
  Answer answer{.status = connection.status(), .body = {}};
  while (true) {
    const auto piece = co_await connection.read_some();
    if (!piece && !ends_body(piece.error())) co_return lost(socket, piece.error());
    if (!piece || piece->empty()) co_return answer;
    answer.body += *piece;
    if (enough(answer)) co_return answer;
  }
}

/// Runs one request to its end, on a loop of its own.
Result<Answer> run(const std::string& socket, const Question& question, const Enough& enough,
                   const std::stop_token& stop) {
  asio::io_context loop{1};
  Connection connection(loop, nxgate_at(socket));
  Result<Answer> result;
  asio::co_spawn(loop, fetch(connection, socket, question, enough),
                 [&result](const std::exception_ptr& thrown, Result<Answer> answer) {
                   if (thrown) std::rethrow_exception(thrown);
                   result = std::move(answer);
                 });
  const std::stop_callback on_stop(
      stop, [&loop, &connection] { asio::post(loop, [&connection] { connection.close(); }); });
  loop.run();
  return result;
}

/// Cuts whole lines from the front; false once `take` wants no more.
bool take_lines(std::string& text, const std::function<bool(std::string_view)>& take) {
  std::size_t begin = 0;
  bool more = true;
  for (std::size_t end = 0; more && (end = text.find('\n', begin)) != std::string::npos;) {
    more = take(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  text.erase(0, begin);
  return more;
}

}  // namespace

Result<Answer> exchange(const std::string& socket, const std::string& method, const Target& target,
                        const std::string& body, const std::stop_token& stop) {
  return run(socket, {method, target, body}, [](const Answer&) { return false; }, stop);
}

std::string refusal(const Answer& answer) {
  const auto object = parse_object(answer.body);
  const json::value* const text = object ? object->if_contains("error") : nullptr;
  if (text != nullptr && text->is_string()) return text->get_string().c_str();
  return fmt::format("the server replied {}: {}", answer.status, answer.body);
}

Result<std::string> ask(const std::string& socket, const std::string& method, const Target& target,
                        const std::string& body, const std::stop_token& stop) {
  auto answer = exchange(socket, method, target, body, stop);
  if (!answer) return std::unexpected(answer.error());
  if (!answer->good()) return fail(refusal(*answer));
  return std::move(answer->body);
}

Result<Answer> listen(const std::string& socket, const Target& target,
                      const std::function<bool(std::string_view)>& take,
                      const std::stop_token& stop) {
  const auto enough = [&take](Answer& answer) {
    return answer.good() && !take_lines(answer.body, take);
  };
  return run(socket, {"GET", target, {}}, enough, stop);
}

}  // namespace nxgate::http
