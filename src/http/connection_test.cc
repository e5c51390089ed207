#include "http/connection.h"

#include <chrono>
#include <exception>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "http/answer.h"
#include "http/scripted_server.h"

namespace nxgate::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace fs = std::filesystem;
using boost::system::error_code;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Then = ScriptedServer::Then;
using namespace std::chrono_literals;

const std::string kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Seen {
  Result<void> connected;
  error_code end;  ///< of the request, or of the body
  unsigned status = 0;
  std::vector<std::string> pieces;
  Result<void> taken;
};

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() { fs::create_directory(directory_); }
  ~ConnectionTest() override { fs::remove_all(directory_); }

  [[nodiscard]] UnixServer server() const {
    return {.path = path_,
            .host = "there",
            .name = "NAME",
            .too_long = "too long",
            .absent = "absent",
            .not_listening = "not listening",
            .forbidden = "forbidden"};
  }

  static asio::awaitable<Seen> run(Connection& connection, std::string method, std::string body,
                                   Sink sink) {
    Seen seen;
    seen.connected = co_await connection.connect();
    if (!seen.connected) co_return seen;
    seen.end = co_await connection.ask(std::move(method), "/path?a=b", std::move(body));
    if (seen.end) co_return seen;
    seen.status = connection.status();
    while (seen.taken) {
      const auto piece = co_await connection.read_some();
      if (!piece) seen.end = piece.error();
      if (!piece || piece->empty()) co_return seen;
      seen.pieces.push_back(*piece);
      if (sink) seen.taken = sink(*piece);
    }
    co_return seen;
  }

  void begin(Connection& connection, const std::string& method = "GET",
             const std::string& body = {}, const Sink& sink = {}) {
    asio::co_spawn(loop_, run(connection, method, body, sink),
                   [this, &connection](const std::exception_ptr& thrown, Seen seen) {
                     if (thrown) std::rethrow_exception(thrown);
                     connection.close();
                     seen_ = std::move(seen);
                   });
  }
  Seen seen_by(Connection& connection) {
    begin(connection);
    return end();
  }
  Seen end() {
    loop_.restart();
    loop_.run_for(5s);
    EXPECT_TRUE(seen_) << "it hasn't ended";
    return std::exchange(seen_, std::nullopt).value_or(Seen());
  }

  const std::string directory_ = fmt::format("/tmp/nxgate-connection-test-{}", ::getpid());
  const std::string path_ = directory_ + "/socket";
  asio::io_context loop_{1};
  Connection connection_{loop_, server()};
  std::optional<Seen> seen_;
};

TEST_F(ConnectionTest, BringsAnAnswer) {
  ScriptedServer server(path_, {"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"});
  begin(connection_, "POST", R"({"a":1})");
  const Seen seen = end();
  EXPECT_FALSE(seen.end) << seen.end.message();
  EXPECT_EQ(seen.status, 404U);
  EXPECT_THAT(seen.pieces, ElementsAre("none"));
  const std::string& request = server.request();
  EXPECT_THAT(request, StartsWith("POST /path?a=b HTTP/1.1\r\nHost: there\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/json\r\nContent-Length: 7\r\n"));
  EXPECT_THAT(request, EndsWith(R"({"a":1})"));
}

TEST_F(ConnectionTest, ARequestWithoutABodyHasNoneOfItsFields) {
  ScriptedServer server(path_, {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
  const Seen seen = seen_by(connection_);
  EXPECT_FALSE(seen.end) << seen.end.message();
  EXPECT_THAT(seen.pieces, ElementsAre());
  EXPECT_EQ(server.request(),
            "GET /path?a=b HTTP/1.1\r\nHost: there\r\nUser-Agent: nxgate\r\n\r\n");
}

TEST_F(ConnectionTest, GivesABodyAsItArrives) {
  ScriptedServer server(path_, {kChunkedHead, "3\r\none\r\n", "5\r\nth", "ree\r\n", "0\r\n\r\n"},
                        Then::kStay);
  const Seen seen = seen_by(connection_);
  EXPECT_FALSE(seen.end) << seen.end.message();
  EXPECT_THAT(seen.pieces, ElementsAre("one", "th", "ree"));
}

TEST_F(ConnectionTest, ABodyWithoutALengthEndsWithTheConnection) {
  ScriptedServer server(path_, {"HTTP/1.1 200 OK\r\n\r\nal", "l"});
  const Seen seen = seen_by(connection_);
  EXPECT_FALSE(seen.end) << seen.end.message();
  EXPECT_THAT(seen.pieces, ElementsAre("al", "l"));
}

TEST_F(ConnectionTest, ALongerBodyThanAllowedEndsIt) {
  ScriptedServer server(path_, {kChunkedHead, "4\r\nfour\r\n", "4\r\nfour\r\n", "1\r\n!\r\n"},
                        Then::kStay);
  std::string body;
  begin(connection_, "GET", {}, up_to(8, body));
  const Seen seen = end();
  EXPECT_EQ(body, "fourfour");
  ASSERT_FALSE(seen.taken);
  EXPECT_EQ(seen.taken.error().message, "the reply is too long");
}

TEST_F(ConnectionTest, SaysWhyNobodyCanBeReached) {
  const auto message = [this](const UnixServer& at) {
    Connection connection(loop_, at);
    const Seen seen = seen_by(connection);
    return seen.connected ? "none" : seen.connected.error().message;
  };
  UnixServer at = server();
  EXPECT_EQ(message(at), "absent");
  {
    ScriptedServer server(path_, {});
    fs::create_hard_link(path_, path_ + ".left");
  }
  at.path = path_ + ".left";
  EXPECT_EQ(message(at), "not listening");
  at.path = path_ + "/below";
  EXPECT_EQ(message(at), "cannot connect to NAME: Not a directory");
  at.path = std::string(200, 'x');
  EXPECT_EQ(message(at), "too long");
}

TEST_F(ConnectionTest, SaysThatItIsForbidden) {
  ScriptedServer server(path_, {});
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  if (::seteuid(65534) != 0) GTEST_SKIP() << "needs root, to become another user";
  const Seen seen = seen_by(connection_);
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(seen.connected);
  EXPECT_EQ(seen.connected.error().message, "forbidden");
}

TEST_F(ConnectionTest, TellsThatThePeerClosedEarly) {
  for (const auto& [sent, expected] : std::vector<std::pair<std::string, error_code>>{
           {"", beast::http::error::end_of_stream},
           {"HTTP/1.1 200", beast::http::error::partial_message},
           {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegin",
            beast::http::error::partial_message},
           {kChunkedHead + "5\r\nbegin\r\n", beast::http::error::partial_message}}) {
    fs::remove(path_);
    ScriptedServer server(path_, {sent});
    Connection connection(loop_, this->server());
    const Seen seen = seen_by(connection);
    EXPECT_EQ(seen.end, expected) << sent << ": " << seen.end.message();
    if (sent.ends_with("begin\r\n")) EXPECT_THAT(seen.pieces, ElementsAre("begin"));
  }
}

TEST_F(ConnectionTest, EndsAtItsDeadline) {
  ScriptedServer server(path_, {}, Then::kStay);
  connection_.expires_after(1s);
  const Seen seen = seen_by(connection_);
  EXPECT_EQ(seen.end, beast::error::timeout) << seen.end.message();
}

TEST_F(ConnectionTest, AStreamMayOutliveTheDeadlineOfItsHead) {
  ScriptedServer server(path_, {kChunkedHead, "2\r\nit\r\n"}, Then::kStay);
  connection_.expires_after(1s);
  begin(connection_, "GET", {}, [this](std::string_view) -> Result<void> {
    connection_.expires_never();
    return {};
  });
  loop_.run_for(1500ms);
  EXPECT_FALSE(seen_);
  connection_.close();
  const Seen seen = end();
  EXPECT_EQ(seen.end, asio::error::operation_aborted) << seen.end.message();
  EXPECT_THAT(seen.pieces, ElementsAre("it"));
}

TEST_F(ConnectionTest, CloseEndsWhatBeginsLaterToo) {
  ScriptedServer server(path_, {}, Then::kStay);
  connection_.close();
  const Seen seen = seen_by(connection_);
  ASSERT_FALSE(seen.connected);
  EXPECT_EQ(seen.connected.error().message, "cannot connect to NAME: Operation canceled");
}

}  // namespace
}  // namespace nxgate::http
