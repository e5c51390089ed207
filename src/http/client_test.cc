#include "http/client.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/census.h"
#include "base/error.h"
#include "http/answer.h"
#include "http/control.h"
#include "http/scripted_server.h"
#include "http/server.h"
#include "http/socket.h"
#include "http/target.h"

namespace nxgate::http {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::size_t kLong = 5U << 20U;

/// Lines that don't end where a piece does, and then nothing more.
class Lines final : public Feed {
 public:
  std::string next() override {
    ++pieces_;
    if (pieces_ == 1) return "one\ntw";
    return pieces_ == 2 ? "o\nthree\nfo" : "";
  }

 private:
  int pieces_ = 0;
};

class Echo final : public Control {
 public:
  asio::awaitable<Reply> handle(const Request& request) override {
    Reply reply;
    if (request.path == "/lines") {
      reply.feed = std::make_unique<Lines>();
    } else if (request.path == "/refused") {
      reply.status = 400;
      reply.body = R"({"error":"no such thing"})";
    } else if (request.path == "/long") {
      reply.body = std::string(kLong, 'x');
    } else {
      reply.body = fmt::format("{} {}", request.method, request.path);
      for (const auto& [key, value] : request.query) {
        reply.body += fmt::format(" {}={}", key, value);
      }
      reply.body += " " + request.body;
    }
    co_return reply;
  }
};

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() { fs::create_directory(directory_); }
  ~ClientTest() override {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
    fs::remove_all(directory_);
  }

  /// The server of this room, on a thread.
  void serve() {
    auto socket = listen_unix(path_, "");
    ASSERT_TRUE(socket) << socket.error().message;
    server_ = std::make_unique<Server>(loop_, control_, *std::move(socket),
                                       std::make_shared<Census>(Server::kLimits));
    thread_ = std::jthread([this] { loop_.run(); });
  }

  const std::string directory_ = fmt::format("/tmp/nxgate-client-test-{}", ::getpid());
  const std::string path_ = directory_ + "/socket";
  Echo control_;
  asio::io_context loop_{1};
  std::unique_ptr<Server> server_;
  std::jthread thread_;
};

TEST_F(ClientTest, AsksAndIsAnswered) {
  serve();
  const auto answer = exchange(path_, "POST", {"/a b", {{"name", "x+y&z"}}}, R"({"c":"d"})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->good());
  EXPECT_EQ(answer->body, R"(POST /a b name=x+y&z {"c":"d"})");
  EXPECT_EQ(ask(path_, "GET", {"/long", {}}).value_or(""), std::string(kLong, 'x'));
}

TEST_F(ClientTest, ARefusalIsAnAnswerOrAnError) {
  serve();
  const auto answer = exchange(path_, "GET", {"/refused", {}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_FALSE(answer->good());
  EXPECT_EQ(refusal(*answer), "no such thing");
  EXPECT_EQ(refusal({.status = 500, .body = "?"}), "the server replied 500: ?");
  const auto asked = ask(path_, "GET", {"/refused", {}});
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().message, "no such thing");
}

TEST_F(ClientTest, ListensToWholeLinesUntilItHasEnough) {
  serve();
  std::vector<std::string> lines;
  const auto answer = listen(path_, {"/lines", {}}, [&](std::string_view line) {
    lines.emplace_back(line);
    return lines.size() < 3;
  });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(lines, ElementsAre("one", "two", "three"));
  EXPECT_EQ(answer->body, "fo") << "the rest";
  EXPECT_EQ(listen(path_, {"/refused", {}}, {}).value_or(Answer()).status, 400U);
}

TEST_F(ClientTest, WhatATakerThrowsComesThrough) {
  serve();
  EXPECT_THROW((void)listen(path_, {"/lines", {}},
                            [](std::string_view) -> bool { throw std::runtime_error("enough"); }),
               std::runtime_error);
}

TEST_F(ClientTest, SaysWhatToDoWithoutAServer) {
  const auto message = [](const std::string& path) {
    const auto answer = exchange(path, "GET", {"/", {}});
    return answer ? "none" : answer.error().message;
  };
  EXPECT_EQ(message(path_), "no nxgate is running with its control socket at " + path_ +
                                ": start one, or give the socket of the running one with "
                                "--control PATH");
  EXPECT_THAT(message(std::string(200, 'x')), HasSubstr("--control: the path is too long: xxx"));
}

TEST_F(ClientTest, AServerThatGoesEndsAnAnswerThatHasBegun) {
  {
    ScriptedServer server(path_, {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegin"});
    EXPECT_EQ(ask(path_, "GET", {"/", {}}).value_or(""), "begin");
  }
  fs::remove(path_);
  ScriptedServer server(path_, {});
  const auto answer = exchange(path_, "GET", {"/", {}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message,
            fmt::format("the connection to nxgate at {} was lost: end of stream", path_));
}

TEST_F(ClientTest, AnotherThreadEndsWhatWaits) {
  ScriptedServer server(path_, {}, ScriptedServer::Then::kStay);
  std::stop_source stop;
  const std::jthread stopping([&stop] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  });
  const auto answer = exchange(path_, "GET", {"/", {}}, {}, stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("was lost: Operation canceled"));
}

TEST_F(ClientTest, AnotherThreadEndsAStream) {
  serve();
  std::stop_source stop;
  std::jthread stopping;
  const auto answer = listen(
      path_, {"/lines", {}},
      [&](std::string_view line) {
        if (line == "three") stopping = std::jthread([&stop] { stop.request_stop(); });
        return true;
      },
      stop.get_token());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->good());
}

TEST_F(ClientTest, AStopBeforeTheBeginningCounts) {
  ScriptedServer server(path_, {}, ScriptedServer::Then::kStay);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(exchange(path_, "GET", {"/", {}}, {}, stop.get_token()));
}

}  // namespace
}  // namespace nxgate::http
