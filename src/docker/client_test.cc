#include "docker/client.h"

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "docker/container_reader.h"
#include "docker/fake_engine.h"

namespace nxgate::docker {
namespace {

namespace asio = boost::asio;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

const std::function<void(const Error&)> kNothingOdd = [](const Error& error) {
  ADD_FAILURE() << error.message;
};

template <class T>
asio::awaitable<void> store(asio::awaitable<T> work, std::optional<T>& result) {
  result = co_await std::move(work);
}

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : path_(::testing::TempDir() + "nxgate_client." + std::to_string(::getpid())) {}

  template <class T>
  T result_of(asio::awaitable<T> work) {
    std::optional<T> result;
    asio::co_spawn(loop_, store(std::move(work), result), asio::detached);
    loop_.restart();
    loop_.run_for(60s);
    if (!result) throw std::runtime_error("no answer");
    return std::move(*result);
  }
  std::string inspect_error(const std::string& socket) {
    Client client(loop_, socket);
    const auto container = result_of(client.inspect("web"));
    return container ? "none" : container.error().message;
  }

  asio::io_context loop_{1};
  std::string path_;
};

TEST(EngineSocket, IsWhatWasConfiguredOrOfTheEnvironment) {
  ::unsetenv("DOCKER_HOST");
  EXPECT_EQ(engine_socket("").value_or(""), "/var/run/docker.sock");
  EXPECT_EQ(engine_socket("/x.sock").value_or(""), "/x.sock");
  EXPECT_EQ(engine_socket("unix:///x.sock").value_or(""), "/x.sock");
  ::setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock", 1);
  EXPECT_EQ(engine_socket("").value_or(""), "/run/user/1000/docker.sock");
  EXPECT_EQ(engine_socket("/x.sock").value_or(""), "/x.sock");
  ::setenv("DOCKER_HOST", "ssh://host", 1);
  const auto remote = engine_socket("");
  ASSERT_FALSE(remote);
  EXPECT_THAT(remote.error().message, HasSubstr("only a local engine"));
  EXPECT_THAT(remote.error().message, HasSubstr("DOCKER_HOST"));
  EXPECT_FALSE(engine_socket("tcp://127.0.0.1:2375"));
  EXPECT_FALSE(engine_socket("unix://"));
  ::unsetenv("DOCKER_HOST");
}

TEST_F(ClientTest, SpeaksTheApiThatBothKnow) {
  FakeEngine engine(path_);
  Client client(loop_, path_);
  const auto version = result_of(client.version());
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_EQ(version->engine, "20.10.24");
  EXPECT_EQ(version->api, "1.41");
  engine.set_version(R"({"Version":"99.1","ApiVersion":"1.90","MinAPIVersion":"1.44"})");
  EXPECT_EQ(result_of(client.version()).value_or(EngineVersion()).api, "1.47");
  engine.set_version(R"({"Version":"99.1","ApiVersion":"1.90","MinAPIVersion":"1.48"})");
  const auto newer = result_of(client.version());
  ASSERT_FALSE(newer);
  EXPECT_THAT(newer.error().message, HasSubstr("use a newer nxgate"));
  engine.set_version("{}");
  EXPECT_FALSE(result_of(client.version()));
}

TEST_F(ClientTest, ListsAndInspects) {
  FakeEngine engine(path_);
  engine.put('a', "web");
  Client client(loop_, path_);
  const auto list = result_of(client.list(false));
  ASSERT_FALSE(list.fault);
  ASSERT_EQ(list.list.containers.size(), 1U);
  EXPECT_FALSE(result_of(client.list(true)).fault);
  const auto web = result_of(client.inspect(FakeEngine::id('a')));
  ASSERT_TRUE(web) << web.error().message;
  EXPECT_EQ(web->name, "web");
  EXPECT_THAT(engine.requests(),
              ElementsAre("/version", "/v1.41/containers/json", "/v1.41/containers/json?all=1",
                          "/v1.41/containers/" + FakeEngine::id('a') + "/json"));
}

TEST_F(ClientTest, SaysThatThereIsNoSuchContainer) {
  FakeEngine engine(path_);
  Client client(loop_, path_);
  const auto none = result_of(client.inspect("../a b"));
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no such container: ../a b; see `docker ps -a`"));
  EXPECT_THAT(engine.requests(), Contains("/v1.41/containers/..%2Fa%20b/json"));
  EXPECT_FALSE(result_of(client.inspect("")));
  const auto found = result_of(client.find("web"));
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
}

TEST_F(ClientTest, SaysWhatToDoWithoutAnEngine) {
  EXPECT_THAT(inspect_error(path_ + ".none"), HasSubstr("start Docker"));
  EXPECT_THAT(inspect_error(path_ + std::string(200, 'x')), HasSubstr("too long"));
  {
    FakeEngine engine(path_);
    std::filesystem::create_hard_link(path_, path_ + ".left");
  }
  EXPECT_THAT(inspect_error(path_ + ".left"), HasSubstr("no Docker engine is listening"));
  std::filesystem::remove(path_ + ".left");
}

TEST_F(ClientTest, SaysWhoMayTalkToTheEngine) {
  FakeEngine engine(path_);
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  if (::seteuid(65534) != 0) GTEST_SKIP() << "needs root, to become another user";
  const std::string message = inspect_error(path_);
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_THAT(message, HasSubstr("a member of the group docker"));
}

TEST_F(ClientTest, EventsArriveAlsoInPieces) {
  FakeEngine engine(path_);
  Client client(loop_, path_);
  std::vector<std::string> seen;
  int subscribed = 0;
  const std::string first =
      R"({"Type":"container","Action":"die","Actor":{"ID":")" + FakeEngine::id('a') + "\"}}\r\n";
  const std::function<void()> on_subscribed = [&] {
    ++subscribed;
    while (engine.followers() == 0) ::usleep(1000);
    engine.tell(first + "\n" + first, 7);
    engine.tell_container('b', "start");
  };
  const std::function<void(const Event&)> on_event = [&](const Event& event) {
    seen.push_back(event.action);
    if (seen.size() == 3) engine.cut();
  };
  const Error end = result_of(client.events(on_subscribed, on_event, kNothingOdd));
  EXPECT_EQ(subscribed, 1);
  EXPECT_THAT(seen, ElementsAre("die", "die", "start"));
  EXPECT_THAT(end.message, HasSubstr("closed the connection"));
  EXPECT_EQ(engine.count_requests("filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22"),
            1U);
}

TEST_F(ClientTest, AnEventThatIsNoneIsTold) {
  FakeEngine engine(path_);
  Client client(loop_, path_);
  const std::function<void()> on_subscribed = [&] {
    while (engine.followers() == 0) ::usleep(1000);
    engine.tell("nonsense\n");
    engine.tell_container('a', "start");
  };
  std::string odd;
  const std::function<void(const Event&)> on_event = [&](const Event&) { engine.cut(); };
  const std::function<void(const Error&)> on_odd = [&](const Error& error) { odd = error.message; };
  const Error end = result_of(client.events(on_subscribed, on_event, on_odd));
  EXPECT_THAT(odd, HasSubstr("invalid event from the Docker engine"));
  EXPECT_THAT(end.message, HasSubstr("GET /events: the Docker engine at"));
}

TEST_F(ClientTest, ErrorsNameTheRequest) {
  FakeEngine engine(path_);
  engine.put('a', "web");
  engine.fail_inspections('a', "500 Internal Server Error");
  Client client(loop_, path_);
  const auto web = result_of(client.inspect(FakeEngine::id('a')));
  ASSERT_FALSE(web);
  EXPECT_EQ(web.error().message, "GET /containers/" + FakeEngine::id('a') +
                                     "/json: the Docker engine refused: something is wrong");
  engine.answer_lists(FakeEngine::response_with("[{]"));
  const auto garbage = result_of(client.list(false));
  ASSERT_TRUE(garbage.fault);
  EXPECT_THAT(garbage.fault->message, HasSubstr("GET /containers/json: invalid"));
  engine.answer_lists("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[");
  const auto cut = result_of(client.list(false));
  ASSERT_TRUE(cut.fault);
  EXPECT_THAT(cut.fault->message, HasSubstr("GET /containers/json: the Docker engine at"));
}

TEST_F(ClientTest, AListMayBeLongerThanMemoryLikes) {
  FakeEngine engine(path_);
#if __has_feature(thread_sanitizer)  // with which 72 MB take nearly as long as a request may
  constexpr std::size_t kLabel = 1U << 20U;
#else
  constexpr std::size_t kLabel = 6U << 20U;
#endif
  const std::string label(kLabel, 'x');
  std::string list = "[";
  for (const char digit : {'a', 'b', 'c', 'd', 'e', 'f', '0', '1', '2', '3', '4', '5'}) {
    list += R"({"Id":")" + FakeEngine::id(digit) + R"(","State":"running","Labels":{"big":")" +
            label + "\"}}" + (digit == '5' ? "]" : ",");
  }
  engine.answer_lists(FakeEngine::response_with(list));
  Client client(loop_, path_);
  const auto all = result_of(client.list(false));
  EXPECT_FALSE(all.fault) << all.fault->message;
  EXPECT_EQ(all.list.containers.size(), 12U);
}

TEST_F(ClientTest, CloseEndsWhatWaits) {
  FakeEngine engine(path_);
  engine.put('a', "web");
  engine.delay_inspections(300ms);
  Client client(loop_, path_);
  std::optional<Result<Container>> result;
  asio::co_spawn(loop_, store(client.inspect(FakeEngine::id('a')), result), asio::detached);
  loop_.run_for(50ms);
  ASSERT_FALSE(result);
  client.close();
  loop_.run_for(50ms);
  ASSERT_TRUE(result);
  EXPECT_FALSE(*result);
}

}  // namespace
}  // namespace nxgate::docker
