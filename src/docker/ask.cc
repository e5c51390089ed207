#include "docker/ask.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "containers/container.h"
#include "docker/client.h"

namespace nxgate::docker {

namespace asio = boost::asio;

namespace {

/// Runs one request to its end.
template <class T>
Result<T> wait_for(asio::io_context& loop, asio::awaitable<Result<T>> request) {
  std::optional<Result<T>> outcome;
  asio::co_spawn(loop, std::move(request), [&outcome](const std::exception_ptr&, Result<T> result) {
    outcome = std::move(result);
  });
  loop.run();
  loop.restart();
  if (!outcome) return fail("the engine did not reply");
  return *std::move(outcome);
}

}  // namespace

Result<containers::Container> find_container(const std::string& socket, const std::string& name) {
  asio::io_context loop(1);
  Client client(loop, socket);
  return wait_for(loop, client.inspect(name));
}

std::string engine_version(const std::string& socket) {
  asio::io_context loop(1);
  Client client(loop, socket);
  const auto version = wait_for(loop, client.version());
  return version ? version->engine : "";
}

}  // namespace nxgate::docker
