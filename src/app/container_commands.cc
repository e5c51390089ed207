#include "app/container_commands.h"

#include <charconv>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "attach/followed.h"
#include "attach/stale_tables.h"
#include "attach/subjects.h"
#include "base/error.h"
#include "cli/options.h"
#include "cli/report.h"
#include "config/settings.h"
#include "containers/container.h"
#include "containers/namespaces.h"
#include "docker/ask.h"
#include "docker/client.h"
#include "docker/engine_process.h"
#include "doctor/doctor.h"
#include "netfilter/gate.h"
#include "sys/netns.h"

namespace nxgate::app {
namespace {

config::DockerSettings engine_settings(const cli::Options& options) {
  config::DockerSettings settings;
  if (options.engine) settings.socket = options.engine->value;
  return settings;
}

Result<void> detach_one(const std::string& label, const sys::NetnsRef& netns) {
  const auto owner = netfilter::find_gate(netns);
  if (!owner) return std::unexpected(owner.error());
  if (*owner && (*owner)->alive()) {
    return fail(fmt::format(
        "{} is held by the nxgate with pid {}, which detaches when it is stopped (kill {})", label,
        (*owner)->pid, (*owner)->pid));
  }
  const auto removed = attach::remove_gate_and_firewalls(netns);
  if (!removed) return std::unexpected(removed.error());
  fmt::print("{}: {}\n", label, *owner || *removed ? "detached" : "was not attached");
  return {};
}

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

Result<doctor::Subject> subject_of(const cli::Options& options) {
  const std::string& name = options.name;
  if (const auto pid = process_in(name)) {
    return doctor::Subject{.label = fmt::format("pid {}", *pid),
                           .netns = sys::NetnsRef::of_pid(*pid).text(),
                           .pid = *pid};
  }
  if (name.starts_with("pid:")) {
    return fail(fmt::format("{}: no such process here, or root is needed to inspect it", name));
  }
  if (name.contains('/')) {
    return doctor::Subject{.label = name, .netns = name};
  }
  const auto socket = docker::engine_socket(engine_settings(options).socket);
  if (!socket) return std::unexpected(socket.error());
  auto container = docker::find_container(*socket, name);
  if (!container && is_namespace(name)) return doctor::Subject{.label = name, .netns = name};
  if (!container) return std::unexpected(container.error());
  if (container->pid == 0) return fail(fmt::format("container {} is not running", name));
  return doctor::Subject{.label = container->name,
                         .netns = sys::NetnsRef::of_pid(container->pid).text(),
                         .pid = container->pid,
                         .container = *container,
                         .engine = docker::engine_version(*socket)};
}

}  // namespace

SubjectNames named_by(const cli::Options& options) {
  SubjectNames named{.all = options.command == cli::Command::kDocker,
                     .containers = options.containers,
                     .policy = options.policy};
  for (const cli::NamespaceOption& each : options.namespaces) {
    named.namespaces.push_back({.label = each.label, .netns = each.netns});
  }
  return named;
}

int detach(const cli::Options& options) {
  auto subjects = find_subjects(named_by(options), engine_settings(options));
  if (!subjects) return cli::failed(subjects.error().message);
  const std::string directory = docker::netns_directory(subjects->socket);
  for (const attach::Followed& followed : subjects->containers) {
    const containers::Container& container = followed.found();
    const auto netns = containers::netns_of(container, directory);
    if (auto done = detach_one(container.name, netns); !done)
      return cli::failed(done.error().message);
  }
  for (const attach::Subject& subject : subjects->namespaces) {
    if (auto done = detach_one(subject.label, subject.netns); !done)
      return cli::failed(done.error().message);
  }
  return cli::kSuccess;
}

int examine(const cli::Options& options) {
  const auto subject = subject_of(options);
  if (!subject) return cli::failed(subject.error().message);
  const auto text = doctor::examine(*subject, {});
  if (!text) return cli::failed(text.error().message);
  fmt::print("{}", *text);
  return cli::kSuccess;
}

}  // namespace nxgate::app
