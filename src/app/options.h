// The command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/command_tree.h"
#include "config/context.h"

namespace nxgate::app {

enum class Command : std::uint8_t {
  kServe,
  kForward,
  kAttach,
  kDetach,
  kDocker,
  kInstallHook,
  kDoctor,
  kCheck,
  kExplain,
  kStatus,
  kWatch,
  kTop,
  kAllow,
  kDeny,
  kRules,
  kReload,
  kFlush,
  kAttachments,
  kHealth,
  kMetrics,
  kLearn,
  kLearnStart,
  kLearnStop,
  kLearnForget,
  kLearnPropose,
  kRuntime,  ///< what the installed wrapper runs
  kHook,     ///< what the runtime runs before a container starts
  kCompletion,
  kManual,
};

/// A namespace given by --pid or --netns.
struct NamespaceOption {
  std::string label;  ///< `pid 4711`, `/run/netns/app`
  std::string netns;  ///< for sys::NetnsRef
};

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;

/// Exit statuses, as --help and the manual tell them.
struct ExitStatus {
  int status;
  std::string_view meaning;
};
inline constexpr ExitStatus kExitStatuses[] = {
    {kSuccess, "done"},
    {kFailure, "a fault of the configuration or a failure while running"},
    {kUsage, "a mistake on the command line"},
};

/// What was asked for. Texts that end up in the settings say which option they come from, in place
/// of a file.
struct Options {
  using Texts = std::vector<config::Text>;

  Command command = Command::kServe;
  std::optional<std::string> config;
  int verbosity = 0;
  /// The control socket: where to listen, or whom to ask.
  std::optional<config::Text> control;

  // These go with --config, over what the file says.
  Texts listen;
  bool freebind = false;
  std::optional<config::Text> user;
  std::optional<config::Text> workers;

  // These make the policy and the upstream named `default`; with --config they are refused.
  Texts allow;
  Texts deny;
  Texts allow_files;
  Texts hosts;
  Texts records;
  Texts upstream;
  std::optional<config::Text> on_upstream_failure;

  // attach, detach, doctor; `policy` is what attach enforces
  std::vector<std::string> containers;
  std::vector<NamespaceOption> namespaces;
  std::string policy = "default";

  // attach, docker: over what the configuration says
  std::optional<config::Text> engine;
  std::optional<config::Text> fail;
  bool attach_all = false;
  Texts labels;
  Texts networks;

  // completion, man
  std::string shell;
  std::string page = "nxgate";

  // install-hook, and what it installs
  std::string runtime = "runc";
  std::string directory = "/usr/local/libexec/nxgate";
  std::string hook_socket = "/run/nxgate/hook.sock";
  std::vector<std::string> runtime_arguments;

  // explain, and what else asks a running server
  std::string name;
  std::string type;
  std::string client;
  bool json = false;
  bool denied = false;
  std::string watched_policy;
  std::uint64_t count = 0;
  std::string duration;
  std::string why;
  bool save = false;
  bool remove = false;
  bool diff = false;
};

/// Nothing is to be done but to print this and end.
struct Farewell {
  int status = kSuccess;
  std::string text;  ///< for standard output, or for standard error if `status` isn't kSuccess
};

[[nodiscard]] std::variant<Options, Farewell> parse_command_line(int argc, const char* const* argv);

/// Everything that can be asked for, as --help tells it.
[[nodiscard]] CommandNode describe_commands();

}  // namespace nxgate::app
