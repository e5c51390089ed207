#include "doctor/find_subject.h"

#include <charconv>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>
#include <sys/types.h>

#include "base/error.h"
#include "docker/ask.h"
#include "docker/client.h"
#include "doctor/doctor.h"
#include "sys/netns.h"

namespace nxgate::doctor {
namespace {

/// A path or `ip netns` name that is there.
bool is_namespace(const std::string& text) { return sys::NetnsRef(text).identity().has_value(); }

/// `4711` or `pid:4711`, if there is such a process.
std::optional<pid_t> process_in(std::string_view text) {
  if (text.starts_with("pid:")) text.remove_prefix(4);
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  const bool number = error == std::errc{} && end == text.data() + text.size();
  if (!number || !sys::NetnsRef::of_pid(pid).identity()) return std::nullopt;
  return pid;
}

}  // namespace

Result<Subject> find_subject(const std::string& name, std::string_view engine) {
  if (const auto pid = process_in(name)) {
    return Subject{.label = fmt::format("pid {}", *pid),
                   .netns = sys::NetnsRef::of_pid(*pid).text(),
                   .pid = *pid};
  }
  if (name.starts_with("pid:")) {
    return fail(fmt::format("{}: no such process here, or root is needed to inspect it", name));
  }
  if (name.contains('/')) {
    return Subject{.label = name, .netns = name};
  }
  const auto socket = docker::engine_socket(engine);
  if (!socket) return std::unexpected(socket.error());
  auto container = docker::find_container(*socket, name);
  if (!container && is_namespace(name)) return Subject{.label = name, .netns = name};
  if (!container) {
    return fail(fmt::format(
        "{}: neither a container ({}), nor a process (4711 or pid:4711), nor a network namespace "
        "(a path, or a name in `ip netns`)",
        name, container.error().message));
  }
  if (container->pid == 0) return fail(fmt::format("container {} is not running", name));
  return Subject{.label = container->name,
                 .netns = sys::NetnsRef::of_pid(container->pid).text(),
                 .pid = container->pid,
                 .container = *container,
                 .engine = docker::engine_version(*socket)};
}

}  // namespace nxgate::doctor
