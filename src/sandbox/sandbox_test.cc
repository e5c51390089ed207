#include "sandbox/sandbox.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "sandbox/environment.h"
#include "sandbox/hidden_sockets.h"
#include "sandbox/own_files.h"
#include "sys/descriptor.h"

namespace nxgate::sandbox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// A sandbox of a shell, whose output is read.
class SandboxTest : public testing::Test {
 protected:
  void start(const std::string& script, std::vector<int> kept = {}) {
    std::array<int, 2> ends{-1, -1};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    output_ = sys::Descriptor(ends[0]);
    sys::Descriptor writing(ends[1]);
    kept.push_back(writing.get());
    auto made = Sandbox::start(
        {.command = {"sh", "-c", "exec >&" + std::to_string(writing.get()) + " 2>&1; " + script},
         .environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
         .kept = std::move(kept)});
    ASSERT_TRUE(made.has_value()) << made.error().message;
    sandbox_.emplace(*std::move(made));
    const auto ready = sandbox_->wait_ready();
    ASSERT_TRUE(ready.has_value()) << ready.error().message;
    ASSERT_TRUE(sandbox_->run().has_value());
  }

  /// Of the program; -1 if it doesn't end in time.
  int status() {
    for (;;) {
      pollfd waited{sandbox_->events().get(), POLLIN, 0};
      if (::poll(&waited, 1, 20'000) != 1) return -1;
      const auto event = sandbox_->next();
      if (event && !event->fault.empty()) return ADD_FAILURE() << event->fault, -1;
      if (event && event->ended) return *event->ended;
    }
  }

  std::string output() {
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t size = 0; (size = ::read(output_.get(), piece.data(), piece.size())) > 0;) {
      text.append(piece.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

  /// What a script prints.
  std::string said_by(const std::string& script) {
    start("{ " + script + "; }");
    std::string text = output();
    EXPECT_EQ(status(), 0) << text;
    return text;
  }

  std::optional<Sandbox> sandbox_;
  sys::Descriptor output_;
};

TEST_F(SandboxTest, EndsWithTheStatusOfItsProgram) {
  start("exit 7");
  EXPECT_EQ(status(), 7);
}

TEST_F(SandboxTest, ASignalIsAStatusBeyond128) {
  start("kill -KILL $$");
  EXPECT_EQ(status(), 128 + SIGKILL);
}

TEST_F(SandboxTest, WhatIsNotThereIs127AndWhatCannotRunIs126) {
  start("exec /nowhere/at/all");
  EXPECT_EQ(status(), 127);
  start("exec /etc/passwd");
  EXPECT_EQ(status(), 126);
}

TEST_F(SandboxTest, SignalsArePassedOn) {
  start("trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done");
  std::array<char, 6> ready{};
  ASSERT_EQ(::read(output_.get(), ready.data(), ready.size()), 6);
  sandbox_->pass_on(SIGTERM);
  EXPECT_EQ(status(), 9);
}

TEST_F(SandboxTest, AStopIsTold) {
  start("kill -STOP $$");
  pollfd waited{sandbox_->events().get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waited, 1, 20'000), 1);
  const auto event = sandbox_->next();
  ASSERT_TRUE(event && event->stopped);
  sandbox_->pass_on(SIGCONT);
  EXPECT_EQ(status(), 0);
}

TEST_F(SandboxTest, SeesItsOwnProcessesAndTheSameUser) {
  const std::string text = said_by("echo pid $$; id -u; ls -d /proc/[0-9]*");
  EXPECT_THAT(text, HasSubstr("pid 2\n" + std::to_string(::geteuid()) + "\n/proc/1\n/proc/2\n"));
  EXPECT_THAT(text, Not(HasSubstr("/proc/" + std::to_string(::getpid()))));
}

TEST_F(SandboxTest, HasAWayToEverywhere) {
  const std::string text = said_by("ip -o route; ip -o -6 route; ip -o address show up");
  EXPECT_THAT(text, HasSubstr("default dev nxgate0"));
  EXPECT_THAT(text, HasSubstr("192.0.0.8/32"));
  EXPECT_THAT(text, HasSubstr("127.0.0.1/8"));
  EXPECT_THAT(text, HasSubstr("100::1/128"));
}

TEST_F(SandboxTest, HasNoCapabilityAndGetsNone) {
  const std::string text = said_by("grep -E '^(Cap|NoNewPrivs)' /proc/self/status");
  for (const char* const each : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_THAT(text, HasSubstr(std::string(each) + ":\t0000000000000000\n"));
  }
  EXPECT_THAT(text, HasSubstr("NoNewPrivs:\t1\n"));
}

TEST_F(SandboxTest, FindsNamesByItsOwnServerAlone) {
  const std::string text = said_by("cat /etc/resolv.conf; grep hosts /etc/nsswitch.conf");
  EXPECT_THAT(text, HasSubstr("nameserver 127.0.0.11\n"));
  EXPECT_THAT(text, HasSubstr("hosts: files dns\n"));
}

TEST_F(SandboxTest, HasNoDescriptorsOfOthers) {
  const sys::Descriptor other(::open("/dev/null", O_RDONLY));
  const sys::Descriptor kept(::open("/dev/null", O_RDONLY));
  start("ls /proc/$$/fd", {kept.get()});
  const std::string text = output();
  EXPECT_EQ(status(), 0);
  EXPECT_THAT("\n" + text, HasSubstr("\n" + std::to_string(kept.get()) + "\n"));
  EXPECT_THAT("\n" + text, Not(HasSubstr("\n" + std::to_string(other.get()) + "\n")));
}

TEST_F(SandboxTest, WhatItStartedEndsWithIt) {
  // The shell's child holds the pipe, whose end is read only once that is gone.
  start("sleep 1000 & exit 3");
  EXPECT_EQ(output(), "");
  EXPECT_EQ(status(), 3);
}

TEST_F(SandboxTest, IsGoneWithItsObject) {
  start("sleep 1000");
  sandbox_.reset();
  EXPECT_EQ(output(), "");
}

TEST(EnvironmentInside, LeavesOutProxiesAndHiddenSockets) {
  const char* const given[] = {"PATH=/bin",   "HTTPS_PROXY=http://p:1", "no_proxy=a",
                               "TMUX=/tmp/x", "SSH_AUTH_SOCK=/tmp/a",   nullptr};
  const Environment without = environment_inside(given, false);
  EXPECT_THAT(without.kept, ElementsAre("PATH=/bin"));
  EXPECT_THAT(without.dropped, ElementsAre("HTTPS_PROXY", "no_proxy", "TMUX", "SSH_AUTH_SOCK"));
  EXPECT_THAT(environment_inside(given, true).kept,
              ElementsAre("PATH=/bin", "SSH_AUTH_SOCK=/tmp/a"));
}

TEST(BoundPaths, AreThoseOfTheFileSystem) {
  EXPECT_THAT(bound_paths("Num       RefCount Protocol Flags    Type St Inode Path\n"
                          "0: 00000002 00000000 00010000 0001 01 22 /run/a socket\n"
                          "0: 00000003 00000000 00000000 0001 03 23\n"
                          "0: 00000002 00000000 00010000 0001 01 24 @abstract\n"),
              ElementsAre("/run/a socket"));
}

TEST(WithPlainHosts, ChangesTheLineOfHostsAlone) {
  EXPECT_EQ(with_plain_hosts("passwd: files\n hosts: files resolve [!UNAVAIL=return] dns\n"),
            "passwd: files\nhosts: files dns\n");
}

}  // namespace
}  // namespace nxgate::sandbox
