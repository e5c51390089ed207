// A network namespace for the tests of this room.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "sys/netns.h"

namespace nxgate::netfilter {

/// What a command prints.
inline std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    text.append(buffer.data(), size);
  }
  return text;
}

/// A namespace with lo up and a link `eth0`, gone with the test.
class NamespaceTest : public testing::Test {
 protected:
  NamespaceTest() {
    run("ip netns add " + name);
    run("ip -n " + name + " link set lo up");
    run("ip -n " + name + " link add eth0 type veth peer name eth1");
  }
  ~NamespaceTest() override { run("ip netns del " + name); }

  static void run(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  [[nodiscard]] std::string inside(const std::string& command) const {
    return output_of("ip netns exec " + name + " " + command + " 2>&1");
  }
  [[nodiscard]] std::string rules() const { return inside("nft list ruleset"); }

  const std::string name = fmt::format("nxt{}-filter", ::getpid());
  sys::NetnsRef netns{name};
};

}  // namespace nxgate::netfilter
