// The containers and namespaces that a server attaches.
#pragma once

#include <string>
#include <vector>

#include "attach/attachments.h"
#include "attach/followed.h"
#include "base/error.h"
#include "containers/container.h"

namespace nxgate::attach {

/// The subjects that `attach` was asked to attach, found at start.
struct Subjects {
  std::vector<Followed> containers;
  std::vector<Subject> namespaces;  ///< of --pid and --netns
  std::string policy;               ///< for those containers
  std::string socket;               ///< the engine's; empty when no engine is asked

  [[nodiscard]] bool watches_all() const { return containers.empty() && namespaces.empty(); }
  /// A container as the engine describes it now; the error says why it can't be attached.
  [[nodiscard]] Result<void> add(const std::string& name, containers::Container container);
  [[nodiscard]] Result<void> add(const std::string& label, sys::NetnsRef netns);
};

}  // namespace nxgate::attach
