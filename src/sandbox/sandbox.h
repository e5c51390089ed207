// A program in namespaces of its own, from the side of nxgate.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::sandbox {

/// What runs in a sandbox.
struct Program {
  std::vector<std::string> command;      ///< looked for as a shell does
  std::vector<std::string> environment;  ///< `NAME=value`
  std::vector<int> kept{};               ///< descriptors beside the first three
  std::vector<std::string> sockets{};    ///< that stay where others are hidden
  bool mounts = false;  ///< it may have mount namespaces, and uncover there what is hidden
};

/// Made by `start`, and destroyed with all that runs in it. One thread, which lives as long.
class Sandbox {
 public:
  /// Makes the namespaces. Call before the first thread is started, and before anything is changed
  /// that the program would inherit: limits, signals. The error says why there can be none, and
  /// what to do.
  [[nodiscard]] static Result<Sandbox> start(const Program& program);
  Sandbox(Sandbox&& other) noexcept;
  Sandbox& operator=(Sandbox&& other) noexcept;
  ~Sandbox();

  /// Waits until links and files are as they should be; the error is as that of `start`.
  [[nodiscard]] Result<void> wait_ready();
  /// Starts the program.
  [[nodiscard]] Result<void> run();

  /// Its first process, by which its namespaces are found.
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// `pid:N`, pinned.
  [[nodiscard]] const sys::NetnsRef& netns() const noexcept { return netns_; }

  /// Readable when `next` has something to tell.
  [[nodiscard]] const sys::Descriptor& events() const noexcept { return channel_; }
  struct Event {
    std::optional<int> ended;        ///< the program has, with this status as a shell has it
    std::optional<Instant> stopped;  ///< it was stopped then
    std::string fault{};             ///< why it couldn't be started
  };
  /// Without waiting for one.
  [[nodiscard]] std::optional<Event> next();
  /// Sends the program a signal.
  void pass_on(int signal);

 private:
  Sandbox(pid_t pid, sys::Descriptor channel) noexcept : pid_(pid), channel_(std::move(channel)) {}

  pid_t pid_ = 0;
  sys::Descriptor channel_;
  sys::NetnsRef netns_;
};

}  // namespace nxgate::sandbox
