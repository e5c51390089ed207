// What a helper does for its server, and in which network namespaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::helper {

/// What the helper is told once, before anything is read that others wrote, and keeps to: whoever
/// takes over the server later gets no more.
struct Reach {
  std::vector<sys::ListenAddress> listeners;     ///< that may be bound again
  std::vector<std::string> upstream_namespaces;  ///< to ask upstreams in
  std::vector<std::string> attachable;           ///< namespaces to attach, by name
  std::string engine;  ///< the socket of an engine whose namespaces may be attached; or empty
  /// Containers in whose namespaces it listens or asks (sys::NetnsRef::container), by name.
  std::vector<std::string> containers;
  std::string containers_engine;  ///< the socket of theirs
  bool host_rules = false;        ///< a firewall in the namespace of the helper itself
  /// The process whose user and network namespace it enters for good; 0 for none. It then has
  /// rights there and nowhere else.
  pid_t inside = 0;
};

/// The directory in which the engine at a socket keeps the namespaces of its containers.
using EngineDirectory = std::string (*)(const std::string& engine);
/// Asks the engine at a socket where the running container of a name is. The error goes on from its
/// name: "isn't running".
using FindContainer = Result<sys::NetnsRef> (*)(const std::string& engine, const std::string& name);

/// What the helper knows of engines.
struct EngineAccess {
  EngineDirectory directory = nullptr;
  FindContainer find = nullptr;
};

/// The namespace of this identity by a file in an engine's directory, other than the engine's own:
/// pinned, but not by that file, which otherwise couldn't be unmounted. It is called `text`.
[[nodiscard]] std::optional<sys::NetnsRef> find_engines_namespace(const std::string& directory,
                                                                  std::uint64_t identity,
                                                                  const std::string& text);

/// Holds each request against what was agreed. A namespace is attached by its identity: it is
/// looked for where the agreement says, and kept open, so that no other gets the same. Any thread.
class ReachCheck {
 public:
  /// Namespaces that are attached at a time. Far beyond what a host can have.
  static constexpr std::size_t kMostAttached = 16384;

  /// To be made before root is given up: it looks at the first process's namespace.
  explicit ReachCheck(EngineDirectory engine_directory);
  /// Before the first question.
  void agree(Reach reach) { reach_ = std::move(reach); }
  [[nodiscard]] const Reach& reach() const noexcept { return reach_; }

  /// Whether the namespace of this identity may be attached, which it then is. The error is for the
  /// operator.
  [[nodiscard]] Result<void> attach(std::uint64_t identity);
  void detach(std::uint64_t identity);  ///< once for each time it was attached
  /// Pinned; nothing if it isn't attached.
  [[nodiscard]] std::optional<sys::NetnsRef> attached(std::uint64_t identity) const;

  /// One of the configuration's, one on loopback or all addresses of an attached namespace, or one
  /// of the host at a port of the kernel's choice, where its rules may be changed.
  [[nodiscard]] bool may_listen(const sys::ListenAddress& at) const;
  /// Whether it is the helper's own or the first process's.
  [[nodiscard]] bool is_of_host(std::uint64_t identity) const;
  [[nodiscard]] bool may_ask_upstreams_in(const sys::NetnsRef& netns) const;
  /// Whether its rules may be changed, and its processes looked for.
  [[nodiscard]] bool may_change(const sys::NetnsRef& netns) const;
  /// Whether it may be opened and identified, which changes nothing in it.
  [[nodiscard]] bool may_look_at(const sys::NetnsRef& netns) const;

 private:
  [[nodiscard]] bool is_attached(const sys::NetnsRef& netns) const;
  [[nodiscard]] std::optional<sys::NetnsRef> find_named(std::uint64_t identity) const;
  [[nodiscard]] std::optional<sys::NetnsRef> find_engines(std::uint64_t identity);

  Reach reach_;
  EngineDirectory find_directory_;
  std::optional<std::uint64_t> own_;
  std::optional<std::uint64_t> first_;  ///< of the first process
  mutable std::mutex mutex_;            ///< over what follows
  std::string directory_;
  /// What is kept open, and by how many it is attached.
  struct Held {
    sys::NetnsRef kept;
    std::size_t times = 1;
  };
  std::map<std::uint64_t, Held> attached_;
};

}  // namespace nxgate::helper
