#include "app/sandbox_start.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/options.h"
#include "sandbox/environment.h"
#include "sandbox/sandbox.h"
#include "sys/inherited.h"
#include "sys/privileges.h"

extern char** environ;

namespace nxgate::app {

namespace {

/// Of a shell's prompt; Debian's startup files tell the second.
void mark_prompt(std::vector<std::string>& environment) {
  for (const std::string_view mark : {"PS1=(nxgate) $ ", "debian_chroot=nxgate"}) {
    const std::string_view name = mark.substr(0, mark.find('=') + 1);
    std::erase_if(environment, [&](const std::string& each) { return each.starts_with(name); });
    environment.emplace_back(mark);
  }
}

}  // namespace

int not_run(const std::string& why) {
  (void)sys::tell(fmt::format("nxgate: {}\n", why));
  return cli::kNotRun;
}

Result<void> check_descriptors(const std::vector<int>& kept) {
  for (const int each : kept) {
    if (::fcntl(each, F_GETFD) == -1) return fail(fmt::format("--keep-fd {}: not open", each));
  }
  std::vector<int> all{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  all.insert(all.end(), kept.begin(), kept.end());
  for (const int each : all) {
    struct stat what{};
    if (::fstat(each, &what) != 0 || !S_ISDIR(what.st_mode)) continue;
    return fail(
        fmt::format("descriptor {} is a directory, in which hidden sockets would be found", each));
  }
  for (const int each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    int domain = AF_UNSPEC;
    socklen_t size = sizeof domain;
    if (::getsockopt(each, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain == AF_UNIX) {
      continue;
    }
    return fail(
        fmt::format("descriptor {} is a network socket, by which the program could leave "
                    "the sandbox; put a pipe between, as `| cat`",
                    each));
  }
  return {};
}

Result<void> check_sockets(const std::vector<std::string>& kept) {
  for (const std::string& each : kept) {
    std::error_code error;
    if (std::filesystem::is_socket(each, error)) continue;
    return fail(fmt::format("--keep-socket {}: there is no such socket", each));
  }
  return {};
}

Result<void> become(const std::string& user) {
  const auto identity = sys::find_user(user);
  if (!identity) return fail(fmt::format("no such user: '{}'", user));
  if (::geteuid() == identity->user) return {};
  if (::initgroups(user.c_str(), identity->group) != 0 || ::setgid(identity->group) != 0 ||
      ::setuid(identity->user) != 0) {
    return fail(
        fmt::format("cannot become user '{}': {}", user, std::generic_category().message(errno)));
  }
  // NOLINTBEGIN(concurrency-mt-unsafe): one thread
  ::setenv("HOME", sys::home_of(identity->user).c_str(), 1);
  ::setenv("USER", user.c_str(), 1);
  ::setenv("LOGNAME", user.c_str(), 1);
  ::unsetenv("XDG_RUNTIME_DIR");  // of the caller
  // NOLINTEND(concurrency-mt-unsafe)
  // Otherwise the files of /proc by which a child gets its user aren't ours.
  (void)::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  return {};
}

sandbox::Program program_of(const cli::Options& options) {
  auto environment = sandbox::environment_inside(environ, options.run.ssh_agent);
  if (options.verbosity > 0) {
    for (const std::string& each : environment.dropped) {
      fmt::print(stderr, "nxgate: the variable {} is left out\n", each);
    }
  }
  if (options.command == cli::Command::kShell) mark_prompt(environment.kept);
  const char* const agent = std::getenv("SSH_AUTH_SOCK");  // NOLINT(concurrency-mt-unsafe)
  auto sockets = options.run.sockets;
  if (options.run.ssh_agent && agent != nullptr) sockets.emplace_back(agent);
  return {.command = options.run.program,
          .environment = std::move(environment.kept),
          .kept = options.run.kept,
          .sockets = std::move(sockets),
          .mounts = options.run.mounts};
}

}  // namespace nxgate::app
