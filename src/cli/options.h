// The command line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/log.h"
#include "cli/command_tree.h"
#include "config/overrides.h"

namespace nxgate::cli {

enum class Command : std::uint8_t {
  kServe,
  kForward,
  kAttach,
  kDetach,
  kDocker,
  kInstallHook,
  kDoctor,
  kRun,
  kShell,  ///< as kRun, with the user's shell
  kCheck,
  kExplain,
  kPresets,
  kStatus,
  kWatch,
  kTop,
  kAllow,
  kDeny,
  kRules,
  kReload,
  kFlush,
  kAttachments,
  kConnections,
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
// Of `run`, beside the program's own:
inline constexpr int kDenied = 3;
inline constexpr int kNotRun = 125;

/// Exit statuses, as --help and the manual tell them.
struct ExitStatus {
  int status;
  std::string_view meaning;
};
inline constexpr ExitStatus kExitStatuses[] = {
    {kSuccess, "success"},
    {kFailure, "configuration error or runtime failure"},
    {kUsage, "command line error"},
    {kDenied, "run: something was denied, or not, against --fail-on-denied or --expect-denied"},
    {kNotRun, "run: there is no sandbox, so the program did not run; otherwise its own status"},
};

/// What `run` is told beside its policy.
struct RunOptions {
  std::vector<std::string> program;  ///< and its arguments
  bool deny_all = false;
  std::string learn;  ///< a file; empty for none, like the next
  std::string report;
  std::vector<std::string> expect_denied;
  bool fail_on_denied = false;
  bool no_firewall = false;
  bool ssh_agent = false;
  std::vector<std::string> sockets;  ///< that stay
  bool mounts = false;
  std::vector<std::string> host_ports;  ///< parse_forwarded_port, like the next
  std::vector<std::string> published;
  std::vector<int> kept;  ///< descriptors
  bool quiet = false;
};

/// What was asked for.
struct Options : config::Overrides {
  Command command = Command::kServe;
  int verbosity = 0;

  // attach, detach, doctor
  std::vector<std::string> containers;
  std::vector<NamespaceOption> namespaces;

  RunOptions run;
  bool doctor_run = false;  ///< doctor: whether `run` can make a sandbox here

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
  std::string connect;
  std::string address;
  bool json = false;
  bool denied = false;
  std::string watched_policy;
  std::uint64_t count = 0;
  std::string duration;
  std::string why;
  bool save = false;
  bool remove = false;
  bool diff = false;
  bool strict = false;
};

/// Nothing is to be done but to print this and end.
struct EarlyExit {
  int status = kSuccess;
  std::string text;  ///< for standard output, or for standard error if `status` isn't kSuccess
};

[[nodiscard]] std::variant<Options, EarlyExit> parse_command_line(int argc,
                                                                  const char* const* argv);

/// By how often -v is given.
[[nodiscard]] log::Level log_level(const Options& options);

/// Everything that can be asked for, as --help tells it.
[[nodiscard]] CommandNode describe_commands();

}  // namespace nxgate::cli
