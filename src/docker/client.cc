#include "docker/client.h"

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include "base/error.h"
#include "base/json_fields.h"
#include "docker/api_version.h"
#include "docker/container_reader.h"
#include "docker/event.h"
#include "docker/image.h"
#include "docker/requests.h"
#include "http/answer.h"
#include "http/target.h"

namespace nxgate::docker {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kDefaultSocket = "/var/run/docker.sock";
constexpr std::string_view kUnixScheme = "unix://";
constexpr std::string_view kEventFilter = R"({"type":["container","network"]})";
constexpr std::size_t kLongestVersion = 1U << 20U;
constexpr unsigned kNotFound = 404;
constexpr unsigned kUnavailable = 503;

/// What the engine itself says about a failure, or the beginning of whatever it sent instead.
std::string reason(const http::Answer& answer) {
  if (const auto document = parse_document(answer.body)) {
    std::string fault;
    const std::string message = JsonFields(*document, fault).text("message");
    if (!message.empty()) return message;
  }
  return fmt::format("HTTP status {}", answer.status);
}

Error refused(std::string_view path, const http::Answer& answer) {
  return {fmt::format("GET {}: the Docker engine refused: {}", path, reason(answer))};
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
        fmt::format("cannot use the Docker engine at {}: only a local engine is supported, by the "
                    "path of its socket (unix:///var/run/docker.sock){}",
                    address, configured.empty() ? "; see DOCKER_HOST" : ""));
  }
  return std::string(path);
}

Client::Client(asio::io_context& loop, std::string socket, LabelKeys labels)
    : requests_(std::make_shared<Requests>(loop, std::move(socket))),
      labels_(std::move(labels)),
      images_(std::make_shared<ImageLabels>()) {}

void Client::keep_labels(LabelKeys labels) {
  labels_ = std::move(labels);
  images_ = std::make_shared<ImageLabels>();  // of which others were kept
}

asio::awaitable<Result<EngineVersion>> Client::version() {
  std::string body;
  const http::Sink keep = http::up_to(kLongestVersion, body);
  const Result<http::Answer> answer = co_await requests_->get("/version", kTimeout, keep);
  if (!answer) co_return std::unexpected(answer.error());
  if (!answer->good()) co_return std::unexpected(refused("/version", *answer));
  Result<EngineVersion> version = parse_version(body);
  if (version) api_ = version->api;
  co_return version;
}

asio::awaitable<Listing> Client::list(bool all) {
  return list_by(all ? "/containers/json?all=1" : "/containers/json");
}

asio::awaitable<Listing> Client::list_one(std::string container) {
  const std::string filter = fmt::format(R"({{"id":["{}"]}})", container);
  return list_by("/containers/json?all=1&filters=" + http::percent_encode(filter));
}

asio::awaitable<Listing> Client::list_by(std::string path) {
  ListReader reader(labels_);
  const http::Sink sink = [&reader](std::string_view piece) { return reader.write(piece); };
  const Result<http::Answer> answer = co_await get(path, kListTimeout, sink);
  Listing listing;
  if (!answer) {
    listing.fault = answer.error();
  } else if (!answer->good()) {
    listing.fault = refused(path, *answer);
  } else if (const Result<void> whole = reader.finish(); !whole) {
    listing.fault = Error{fmt::format("GET {}: {}", path, whole.error().message)};
  }
  listing.list = reader.take();
  co_return listing;
}

template <class Reader, class Read>
asio::awaitable<Result<std::optional<Read>>> Client::read(std::string path, unsigned absent) {
  Reader reader;
  const http::Sink sink = [&reader](std::string_view piece) { return reader.write(piece); };
  const Result<http::Answer> answer = co_await get(path, kTimeout, sink);
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status == absent) co_return std::nullopt;
  if (!answer->good()) co_return std::unexpected(refused(path, *answer));
  Result<Read> whole = reader.finish();
  if (!whole) co_return std::unexpected(whole.error());
  co_return *std::move(whole);
}

asio::awaitable<Result<std::optional<NetworkSeen>>> Client::network(std::string id) {
  return read<NetworkReader, NetworkSeen>("/networks/" + http::percent_encode(id) + "?verbose=true",
                                          kNotFound);
}

asio::awaitable<Result<std::optional<ServiceAliases>>> Client::service_aliases() {
  return read<ServicesReader, ServiceAliases>("/services", kUnavailable);
}

asio::awaitable<Result<Container>> Client::inspect(std::string container) {
  Result<std::optional<Container>> found = co_await find(container);
  if (!found) co_return std::unexpected(found.error());
  std::optional<Container>& there = *found;
  if (!there) {
    co_return fail(fmt::format("no such container: {}; see `docker ps -a`", container));
  }
  co_return std::move(*there);
}

asio::awaitable<Result<std::optional<Container>>> Client::find(std::string container) {
  if (container.empty()) co_return std::optional<Container>();
  const std::string path = "/containers/" + http::percent_encode(container) + "/json";
  InspectReader reader(labels_);
  const http::Sink sink = [&reader](std::string_view piece) { return reader.write(piece); };
  const Result<http::Answer> answer = co_await get(path, kTimeout, sink);
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status == kNotFound) co_return std::optional<Container>();
  if (!answer->good()) co_return std::unexpected(refused(path, *answer));
  Result<Container> parsed = reader.finish();
  if (!parsed) co_return fail(fmt::format("GET {}: {}", path, parsed.error().message));
  co_await tell_labels_apart(*parsed);
  co_return std::move(*parsed);
}

bool Client::tells_labels_apart(const Container& container) const {
  return container.labels.empty() || images_->find(container.image) != nullptr;
}

asio::awaitable<void> Client::tell_labels_apart(Container& container, std::chrono::seconds limit) {
  if (container.labels.empty()) co_return;
  const std::shared_ptr<ImageLabels> images = images_;
  auto labels = images->find(container.image);
  if (!labels) {
    const std::string path = "/images/" + http::percent_encode(container.image) + "/json";
    ImageReader reader(labels_);
    const http::Sink sink = [&reader](std::string_view piece) { return reader.write(piece); };
    const Result<http::Answer> answer = co_await get(path, limit, sink);
    if (!answer || !answer->good()) {
      distrust_labels(container, answer ? refused(path, *answer).message : answer.error().message);
      co_return;
    }
    auto parsed = reader.finish();
    if (!parsed) {
      distrust_labels(container, parsed.error().message);
      co_return;
    }
    labels = images->put(container.image, *std::move(parsed));
  }
  docker::tell_labels_apart(container, *labels);
}

asio::awaitable<Error> Client::events(std::function<void()> subscribed,
                                      std::function<void(const Event&)> seen,
                                      std::function<void(const Error&)> odd) {
  if (const Result<void> agreed = co_await agree_on_version(); !agreed) co_return agreed.error();
  const std::string path =
      fmt::format("/v{}/events?filters={}", api_, http::percent_encode(kEventFilter));
  EventReader reader(std::move(seen), std::move(odd));
  const http::Sink sink = [&reader](std::string_view piece) { return reader.write(piece); };
  co_return co_await requests_->follow(path, std::move(subscribed), sink);
}

void Client::close() { requests_->close(); }

asio::awaitable<Result<http::Answer>> Client::get(std::string path, std::chrono::seconds limit,
                                                  http::Sink sink) {
  if (const Result<void> agreed = co_await agree_on_version(); !agreed) {
    co_return std::unexpected(agreed.error());
  }
  const std::string target = fmt::format("/v{}{}", api_, path);
  co_return co_await requests_->get(target, limit, std::move(sink));
}

asio::awaitable<Result<void>> Client::agree_on_version() {
  if (!api_.empty()) co_return Result<void>();
  const Result<EngineVersion> answer = co_await version();
  if (!answer) co_return std::unexpected(answer.error());
  co_return Result<void>();
}

}  // namespace nxgate::docker
