#include "app/container_commands.h"

#include <expected>
#include <string>
#include <utility>

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
#include "doctor/find_subject.h"
#include "sys/netns.h"

namespace nxgate::app {
namespace {

config::DockerSettings engine_settings(const cli::Options& options) {
  config::DockerSettings settings;
  if (options.engine) settings.socket = options.engine->value;
  return settings;
}

}  // namespace

Result<attach::Subjects> find_subjects(const cli::Options& options,
                                       const config::DockerSettings& settings) {
  attach::Subjects subjects{.policy = options.policy};
  if (options.command == cli::Command::kDocker || !options.containers.empty()) {
    auto socket = docker::engine_socket(settings.socket);
    if (!socket) return std::unexpected(socket.error());
    subjects.socket = *std::move(socket);
  }
  for (const std::string& name : options.containers) {
    auto container = docker::find_container(subjects.socket, name);
    if (!container) {
      return fail(container.error().message +
                  "; --pid takes a process instead, --netns a network namespace");
    }
    if (auto added = subjects.add(name, *std::move(container)); !added) {
      return std::unexpected(added.error());
    }
  }
  for (const cli::NamespaceOption& given : options.namespaces) {
    if (auto added = subjects.add(given.label, sys::NetnsRef(given.netns)); !added) {
      return std::unexpected(added.error());
    }
  }
  return subjects;
}

int detach(const cli::Options& options) {
  const auto detach_one = [](const std::string& label, const sys::NetnsRef& netns) {
    const auto detached = attach::remove_dead(label, netns);
    if (detached) fmt::print("{}: {}\n", label, *detached ? "detached" : "was not attached");
    return detached;
  };
  auto subjects = find_subjects(options, engine_settings(options));
  if (!subjects) return cli::failed(subjects.error().message);
  const std::string directory = docker::netns_directory(subjects->socket);
  for (const attach::Followed& followed : subjects->containers) {
    const containers::Container& container = followed.found();
    const auto netns = containers::netns_of(container, directory);
    if (auto done = detach_one(container.name, netns); !done) {
      return cli::failed(done.error().message);
    }
  }
  for (const attach::Subject& subject : subjects->namespaces) {
    if (auto done = detach_one(subject.label, subject.netns); !done) {
      return cli::failed(done.error().message);
    }
  }
  return cli::kSuccess;
}

int examine(const cli::Options& options) {
  const auto subject = doctor::find_subject(options.name, engine_settings(options).socket);
  if (!subject) return cli::failed(subject.error().message);
  const auto text = doctor::examine(*subject, {});
  if (!text) return cli::failed(text.error().message);
  fmt::print("{}", *text);
  return cli::kSuccess;
}

}  // namespace nxgate::app
