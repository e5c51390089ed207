// What a command line says over the file of the configuration, or in its place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/context.h"

namespace nxgate::config {

/// Each text says which option it comes from, in place of a file.
struct Overrides {
  using Texts = std::vector<Text>;

  std::optional<std::string> config;  ///< the file
  /// The control socket: where to listen, or whom to ask.
  std::optional<Text> control;

  // These go with a file, over what it says.
  Texts listen;
  bool freebind = false;
  std::optional<Text> user;
  std::optional<Text> workers;
  /// Whether a server without `listen` has a listener nevertheless; attached namespaces are served
  /// where they are.
  bool listens_by_default = true;

  // These make the policy and the upstream named `default`; with a file they are refused.
  Texts allow;
  Texts deny;
  Texts allow_files;
  Texts presets;
  Texts hosts;
  Texts records;
  Texts upstream;
  std::optional<Text> on_upstream_failure;

  /// What `attach` enforces.
  std::string policy = "default";
  // Over what the file says of containers.
  std::optional<Text> engine;
  std::optional<Text> fail;
  bool attach_all = false;
  Texts labels;
  Texts networks;
};

}  // namespace nxgate::config
