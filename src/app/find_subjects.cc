#include "app/find_subjects.h"

#include <expected>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "attach/attachments.h"
#include "attach/followed.h"
#include "attach/subjects.h"
#include "base/error.h"
#include "config/settings.h"
#include "containers/container.h"
#include "docker/ask.h"
#include "docker/client.h"
#include "sys/netns.h"

namespace nxgate::app {

namespace {

Result<void> check_attachable(const containers::Container& container) {
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

}  // namespace

Result<attach::Subjects> find_subjects(const SubjectNames& named,
                                       const config::DockerSettings& settings) {
  attach::Subjects subjects{.policy = named.policy};
  if (named.all || !named.containers.empty()) {
    auto socket = docker::engine_socket(settings.socket);
    if (!socket) return std::unexpected(socket.error());
    subjects.socket = *std::move(socket);
  }
  for (const std::string& name : named.containers) {
    auto container = docker::find_container(subjects.socket, name);
    if (!container) return std::unexpected(container.error());
    if (auto checked = check_attachable(*container); !checked) {
      return std::unexpected(checked.error());
    }
    subjects.containers.emplace_back(name, *std::move(container));
  }
  for (const NamedNamespace& given : named.namespaces) {
    attach::Subject subject{.label = given.label,
                            .id = given.label,
                            .netns = sys::NetnsRef(given.netns),
                            .choice = {.policy = named.policy, .asked = true},
                            .warning = {}};
    if (auto opened = subject.netns.open(); !opened) return std::unexpected(opened.error());
    subjects.namespaces.push_back(std::move(subject));
  }
  return subjects;
}

}  // namespace nxgate::app
