#include "docker/client.h"

#include <cstdlib>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "docker/api_version.h"
#include "docker/container.h"
#include "docker/fields.h"
#include "docker/http.h"
#include "docker/image.h"

namespace nxgate::docker {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kDefaultSocket = "/var/run/docker.sock";
constexpr std::string_view kUnixScheme = "unix://";
constexpr std::string_view kEventFilter = R"({"type":["container","network"]})";
constexpr unsigned kOk = 200;
constexpr unsigned kNotFound = 404;

/// What the engine itself says about a failure, or the beginning of whatever it sent instead.
std::string reason(const HttpAnswer& answer) {
  if (const auto document = parse_document(answer.body)) {
    std::string fault;
    const std::string message = Fields(*document, fault).text("message");
    if (!message.empty()) return message;
  }
  return fmt::format("HTTP status {}", answer.status);
}

std::unexpected<Error> refused(std::string_view what, const HttpAnswer& answer) {
  return fail(fmt::format("the Docker engine refuses {}: {}", what, reason(answer)));
}

std::string_view environment_host() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): it reads the environment, which nobody here changes.
  const char* host = std::getenv("DOCKER_HOST");
  return host == nullptr ? std::string_view() : host;
}

}  // namespace

Result<std::string> engine_socket(std::string_view configured) {
  std::string_view address = configured.empty() ? environment_host() : configured;
  if (address.empty()) address = kDefaultSocket;
  std::string_view path = address;
  if (path.starts_with(kUnixScheme)) path.remove_prefix(kUnixScheme.size());
  if (path.empty() || path.contains("://")) {
    return fail(
        fmt::format("cannot use the Docker engine at {}: only one on this machine can be "
                    "served, by the path of its socket (unix:///var/run/docker.sock){}",
                    address, configured.empty() ? "; see DOCKER_HOST" : ""));
  }
  return std::string(path);
}

Client::Client(asio::io_context& loop, std::string socket)
    : http_(std::make_shared<Http>(loop, std::move(socket))),
      images_(std::make_shared<ImageLabels>()) {}

asio::awaitable<Result<EngineVersion>> Client::version() {
  const Result<HttpAnswer> answer = co_await http_->get("/version");
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status != kOk) co_return refused("to tell its version", *answer);
  Result<EngineVersion> version = parse_version(answer->body);
  if (version) api_ = version->api;
  co_return version;
}

asio::awaitable<Result<std::vector<Container>>> Client::list(bool all) {
  const Result<HttpAnswer> answer =
      co_await get(all ? "/containers/json?all=1" : "/containers/json");
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status != kOk) co_return refused("to list containers", *answer);
  co_return parse_list(answer->body);
}

asio::awaitable<Result<Container>> Client::inspect(std::string container) {
  Result<std::optional<Container>> found = co_await find(container);
  if (!found) co_return std::unexpected(found.error());
  std::optional<Container>& there = *found;
  if (!there) {
    co_return fail(
        fmt::format("there is no container {}; `docker ps` shows those there are", container));
  }
  co_return std::move(*there);
}

asio::awaitable<Result<std::optional<Container>>> Client::find(std::string container) {
  if (container.empty()) co_return std::optional<Container>();
  const std::string path = "/containers/" + percent_encode(container) + "/json";
  const Result<HttpAnswer> answer = co_await get(path);
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status == kNotFound) co_return std::optional<Container>();
  if (answer->status != kOk) co_return refused("to describe " + container, *answer);
  Result<Container> parsed = parse_inspect(answer->body);
  if (!parsed) co_return std::unexpected(parsed.error());
  co_await tell_labels_apart(*parsed);
  co_return std::move(*parsed);
}

asio::awaitable<void> Client::tell_labels_apart(Container& container) {
  if (container.labels.empty()) co_return;
  auto labels = images_->find(container.image);
  if (!labels) {
    const auto answer = co_await get("/images/" + percent_encode(container.image) + "/json");
    if (!answer || answer->status != kOk) {
      distrust_labels(container, answer ? reason(*answer) : answer.error().message);
      co_return;
    }
    auto parsed = parse_image(answer->body);
    if (!parsed) {
      distrust_labels(container, parsed.error().message);
      co_return;
    }
    labels = images_->put(container.image, *std::move(parsed));
  }
  docker::tell_labels_apart(container, *labels);
}

asio::awaitable<Error> Client::events(std::function<void()> subscribed,
                                      std::function<void(const Event&)> seen) {
  if (const Result<void> agreed = co_await agree_on_version(); !agreed) co_return agreed.error();
  const std::string path =
      fmt::format("/v{}/events?filters={}", api_, percent_encode(kEventFilter));
  const std::function<Result<void>(std::string_view)> line =
      [seen = std::move(seen)](std::string_view text) -> Result<void> {
    const Result<Event> event = parse_event(text);
    if (!event) return std::unexpected(event.error());
    seen(*event);
    return {};
  };
  co_return co_await http_->follow(path, std::move(subscribed), line);
}

void Client::close() { http_->close(); }

asio::awaitable<Result<HttpAnswer>> Client::get(std::string path) {
  if (const Result<void> agreed = co_await agree_on_version(); !agreed) {
    co_return std::unexpected(agreed.error());
  }
  const std::string target = fmt::format("/v{}{}", api_, path);
  co_return co_await http_->get(target);
}

asio::awaitable<Result<void>> Client::agree_on_version() {
  if (!api_.empty()) co_return Result<void>();
  const Result<EngineVersion> answer = co_await version();
  if (!answer) co_return std::unexpected(answer.error());
  co_return Result<void>();
}

}  // namespace nxgate::docker
