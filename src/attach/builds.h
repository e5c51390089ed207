// BuildKit build steps: they have a network namespace of the engine and aren't containers.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "attach/attachments.h"
#include "attach/unattached.h"
#include "config/settings.h"
#include "sys/netns.h"

namespace nxgate::attach {

/// Whether it is a step of a build.
[[nodiscard]] bool is_build(const Subject& subject);

/// Those that run, and what is to be done with them. Main thread.
class Builds {
 public:
  explicit Builds(Attachments& attachments) : attachments_(attachments) {}

  /// One is about to run in this namespace, or runs: attached at once, if they are to be.
  void begin(const sys::NetnsRef& netns, const config::DockerSettings& settings);
  /// Logs once if one runs in the engine's own namespace (`--network host`), which is never
  /// changed.
  void look_at_host(const sys::NetnsRef& engines_own, const config::DockerSettings& settings);

  /// Those that haven't ended, if they are to be attached.
  void add_subjects(const config::DockerSettings& settings, std::vector<Subject>& wanted);
  /// The namespaces of those that haven't ended, whatever is done with them.
  [[nodiscard]] std::set<std::uint64_t> namespaces() const;
  /// Those that aren't attached.
  void add_unattached(const config::DockerSettings& settings, std::vector<Unattached>& all) const;

 private:
  Attachments& attachments_;
  std::vector<sys::NetnsRef> running_;  ///< by the engine's file, which goes with the step
  bool on_host_ = false;
  bool told_left_alone_ = false;
  bool told_host_ = false;
};

}  // namespace nxgate::attach
