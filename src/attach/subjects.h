// The containers and namespaces that a command is about, found before anything else is done.
#pragma once

#include <string>
#include <vector>

#include "attach/attachments.h"
#include "attach/followed.h"
#include "base/error.h"
#include "config/settings.h"
#include "docker/container.h"

namespace nxgate::attach {

/// A namespace by what names it for sys::NetnsRef, and by what it is called.
struct NamedNamespace {
  std::string label;
  std::string netns;
};

/// The subjects of a command, as they were given. None: all running containers.
struct SubjectNames {
  bool all = false;  ///< all containers of the engine
  std::vector<std::string> containers;
  std::vector<NamedNamespace> namespaces;
  std::string policy;  ///< to enforce for them
};

/// The subjects that `attach` was asked to attach, found at start.
struct Subjects {
  std::vector<Followed> containers;
  std::vector<Subject> namespaces;  ///< of --pid and --netns
  std::string policy;               ///< for those containers
  std::string socket;               ///< the engine's; empty when no engine is asked

  [[nodiscard]] bool watches_all() const { return containers.empty() && namespaces.empty(); }
};

/// Finds them, asking the engine if needed. The error says which can't be attached and why.
[[nodiscard]] Result<Subjects> find_subjects(const SubjectNames& named,
                                             const config::DockerSettings& settings);

/// One container, asked of the engine now.
[[nodiscard]] Result<docker::Container> find_container(const std::string& socket,
                                                       const std::string& name);

/// Its version, or nothing if it doesn't answer.
[[nodiscard]] std::string engine_version(const std::string& socket);

}  // namespace nxgate::attach
