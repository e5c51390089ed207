#include "attach/subjects.h"

#include <exception>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include "attach/attachments.h"
#include "attach/followed.h"
#include "base/error.h"
#include "config/settings.h"
#include "docker/client.h"
#include "docker/container.h"
#include "sys/netns.h"

namespace nxgate::attach {

namespace asio = boost::asio;

namespace {

Result<void> check_attachable(const docker::Container& container) {
  if (!container.running || container.pid == 0) {
    return fail(fmt::format(
        "container {} is not running; start it first, or let `nxgate docker` wait for it",
        container.name));
  }
  if (container.network_mode == "host") {
    return fail(
        fmt::format("container {} uses the host's network, which nxgate never changes; point its "
                    "DNS at nxgate with --dns instead",
                    container.name));
  }
  if (!sys::NetnsRef::of_pid(container.pid).identity()) {
    return fail(
        fmt::format("container {}: process {} isn't visible here; run nxgate on the engine's host, "
                    "in its pid namespace, as root",
                    container.name, container.pid));
  }
  return {};
}

/// Runs one request to its end.
template <class T>
Result<T> wait_for(asio::io_context& loop, asio::awaitable<Result<T>> request) {
  std::optional<Result<T>> outcome;
  asio::co_spawn(loop, std::move(request),
                 [&outcome](std::exception_ptr, Result<T> result) { outcome = std::move(result); });
  loop.run();
  loop.restart();
  if (!outcome) return fail("the engine did not reply");
  return *std::move(outcome);
}

}  // namespace

Result<docker::Container> find_container(const std::string& socket, const std::string& name) {
  asio::io_context loop(1);
  docker::Client client(loop, socket);
  return wait_for(loop, client.inspect(name));
}

std::string engine_version(const std::string& socket) {
  asio::io_context loop(1);
  docker::Client client(loop, socket);
  const auto version = wait_for(loop, client.version());
  return version ? version->engine : "";
}

Result<Subjects> find_subjects(const SubjectNames& named, const config::DockerSettings& settings) {
  Subjects subjects{.policy = named.policy};
  if (named.all || !named.containers.empty()) {
    auto socket = docker::engine_socket(settings.socket);
    if (!socket) return std::unexpected(socket.error());
    subjects.socket = *std::move(socket);
  }
  for (const std::string& name : named.containers) {
    auto container = find_container(subjects.socket, name);
    if (!container) return std::unexpected(container.error());
    if (auto checked = check_attachable(*container); !checked) {
      return std::unexpected(checked.error());
    }
    subjects.containers.emplace_back(name, *std::move(container));
  }
  for (const NamedNamespace& given : named.namespaces) {
    Subject subject{.label = given.label,
                    .id = given.label,
                    .netns = sys::NetnsRef(given.netns),
                    .choice = {.policy = named.policy, .asked = true},
                    .warning = {}};
    if (auto opened = subject.netns.open(); !opened) return std::unexpected(opened.error());
    subjects.namespaces.push_back(std::move(subject));
  }
  return subjects;
}

}  // namespace nxgate::attach
