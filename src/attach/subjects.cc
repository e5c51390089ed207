#include "attach/subjects.h"

#include <expected>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "attach/attachments.h"
#include "base/error.h"
#include "containers/container.h"
#include "sys/netns.h"

namespace nxgate::attach {
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

Result<void> Subjects::add(const std::string& name, containers::Container container) {
  if (auto checked = check_attachable(container); !checked) return checked;
  containers.emplace_back(name, std::move(container));
  return {};
}

Result<void> Subjects::add(const std::string& label, sys::NetnsRef netns) {
  if (const auto name = netns.container(); !name.empty()) {
    return fail(fmt::format("{}: write `nxgate attach {}`", label, name));
  }
  Subject subject{.label = label,
                  .id = label,
                  .netns = std::move(netns),
                  .choice = {.policy = policy, .asked = true},
                  .warning = {}};
  if (auto opened = subject.netns.open(); !opened) return std::unexpected(opened.error());
  namespaces.push_back(std::move(subject));
  return {};
}

}  // namespace nxgate::attach
