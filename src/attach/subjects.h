// The containers and namespaces that a server attaches.
#pragma once

#include <string>
#include <vector>

#include "attach/attachments.h"
#include "attach/followed.h"

namespace nxgate::attach {

/// The subjects that `attach` was asked to attach, found at start.
struct Subjects {
  std::vector<Followed> containers;
  std::vector<Subject> namespaces;  ///< of --pid and --netns
  std::string policy;               ///< for those containers
  std::string socket;               ///< the engine's; empty when no engine is asked

  [[nodiscard]] bool watches_all() const { return containers.empty() && namespaces.empty(); }
};

}  // namespace nxgate::attach
