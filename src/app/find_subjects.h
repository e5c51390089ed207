// The containers and namespaces that a command is about, found before anything else is done.
#pragma once

#include <string>
#include <vector>

#include "attach/subjects.h"
#include "base/error.h"
#include "config/settings.h"

namespace nxgate::app {

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

/// Finds them, asking the engine if needed. The error says which can't be attached and why.
[[nodiscard]] Result<attach::Subjects> find_subjects(const SubjectNames& named,
                                                     const config::DockerSettings& settings);

}  // namespace nxgate::app
