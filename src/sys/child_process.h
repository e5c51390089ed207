// Processes of tests.
#pragma once

#include <functional>
#include <utility>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nxgate::sys {

/// A child that does something first, and then waits for its end: this object's.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<bool()>& first = [] { return true; }) {
    int ready[2] = {-1, -1};
    if (::pipe(ready) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      const char done = first() ? 'y' : 'n';
      (void)!::write(ready[1], &done, 1);
      for (;;) ::pause();
    }
    char done = 'n';
    (void)!::read(ready[0], &done, 1);
    succeeded_ = done == 'y';
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~ChildProcess() { end(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void end() {
    const pid_t pid = std::exchange(pid_, 0);
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }

  [[nodiscard]] bool succeeded() const { return succeeded_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  bool succeeded_ = false;
};

/// What `check` says in a child, for what is given up is so for good.
inline bool in_child(const std::function<bool()>& check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(check() ? 0 : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace nxgate::sys
