#include "sys/service_manager.h"

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/descriptor.h"

namespace nxgate::sys {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

/// The manager's end.
class Manager {
 public:
  explicit Manager(std::string name)
      : name_(std::move(name)), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const bool abstract = name_.starts_with('@');
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (abstract) address.sun_path[0] = '\0';
    const auto length = offsetof(sockaddr_un, sun_path) + name_.size() + (abstract ? 0 : 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                     static_cast<socklen_t>(length)),
              0);
  }
  ~Manager() {
    if (name_.starts_with('/')) ::unlink(name_.c_str());
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// One message, or `(none)`.
  [[nodiscard]] std::string heard() const {
    char text[4096];
    const auto size = ::recv(socket_.get(), text, sizeof text, 0);
    return size < 0 ? "(none)" : std::string(text, static_cast<std::size_t>(size));
  }

 private:
  std::string name_;
  Descriptor socket_;
};

std::string unique(const char* prefix) {
  return fmt::format("{}nxgate-test-{}", prefix, ::getpid());
}

TEST(ServiceManager, IsToldTheWholeLifeOfAServer) {
  for (const char* prefix : {"@", "/tmp/"}) {
    const Manager manager(unique(prefix));
    ServiceManager service({.socket = manager.name(), .watchdog_usec = "", .watchdog_pid = ""});
    service.ready("2 workers\nREADY=0");
    EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=2 workers\\x0aREADY=0");
    service.reloading();
    EXPECT_THAT(manager.heard(),
                MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=reloading"));
    service.reloaded("generation 2");
    EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=generation 2");
    service.alive();
    EXPECT_EQ(manager.heard(), "WATCHDOG=1");
    service.stopping();
    EXPECT_THAT(manager.heard(), HasSubstr("STOPPING=1"));
    EXPECT_EQ(manager.heard(), "(none)");
  }
}

TEST(ServiceManager, IsNotToldOfReloadsBeforeItIsReady) {
  const Manager manager(unique("@"));
  ServiceManager service({.socket = manager.name(), .watchdog_usec = "", .watchdog_pid = ""});
  service.reloading();
  service.reloaded("generation 2");
  EXPECT_EQ(manager.heard(), "(none)");
}

TEST(ServiceManager, MayBeAbsentGoneOrBusy) {
  ServiceManager nobody;
  nobody.ready("");
  for (const char* name : {"", "relative", "/nowhere/notify", "@nxgate-nobody"}) {
    ServiceManager unreachable({.socket = name, .watchdog_usec = "1", .watchdog_pid = ""});
    unreachable.ready("");
    EXPECT_FALSE(unreachable.watchdog());
  }
  ServiceManager left;
  {
    const Manager manager(unique("@"));
    left = ServiceManager({.socket = manager.name(), .watchdog_usec = "", .watchdog_pid = ""});
    for (int i = 0; i < 10000; ++i) left.alive();  // far more than its queue holds
    EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  }
  left.alive();
}

TEST(ServiceManager, HasAWatchdogIfItIsForUs) {
  const Manager manager(unique("@"));
  const auto asked = [&](const char* usec, const std::string& pid) {
    return ServiceManager({.socket = manager.name(), .watchdog_usec = usec, .watchdog_pid = pid})
        .watchdog();
  };
  EXPECT_EQ(asked("3000000", ""), std::chrono::seconds(3));
  EXPECT_EQ(asked("3000000", std::to_string(::getpid())), std::chrono::seconds(3));
  EXPECT_FALSE(asked("3000000", "1"));
  EXPECT_FALSE(asked("3000000", "x"));
  for (const char* usec : {"", "0", "-1", "3s", "99999999999999999999"}) {
    EXPECT_FALSE(asked(usec, "")) << usec;
  }
}

TEST(ServiceEnvironment, IsReadOnceAndNotPassedOn) {
  ::setenv("NOTIFY_SOCKET", "@manager", 1);
  ::setenv("WATCHDOG_USEC", "5", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  const ServiceEnvironment taken = ServiceEnvironment::take();
  EXPECT_EQ(taken.socket, "@manager");
  EXPECT_EQ(taken.watchdog_usec, "5");
  EXPECT_EQ(taken.watchdog_pid, "1");
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    EXPECT_EQ(std::getenv(name), nullptr) << name;
  }
  EXPECT_EQ(ServiceEnvironment::take().socket, "");
}

}  // namespace
}  // namespace nxgate::sys
