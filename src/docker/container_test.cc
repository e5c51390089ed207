#include "docker/container.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "docker/process.h"

namespace nxgate::docker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::string_view kId = "da6ff69098109f718b3d8d9db260159114f590ea7cdf8257971a47709d8bc9eb";
constexpr std::string_view kNetwork =
    "5bf76fbfb7642494bf22697b0b23b8538e69b42fb3567f2b16e690f270bba59f";

/// Puts our ids where `@` (container) and `#` (network) are.
std::string filled(std::string_view pattern) {
  std::string text;
  for (const char letter : pattern) {
    if (letter == '@') {
      text += kId;
    } else if (letter == '#') {
      text += kNetwork;
    } else {
      text += letter;
    }
  }
  return text;
}

Container inspected(std::string_view pattern) {
  const Result<Container> parsed = parse_inspect(filled(pattern));
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed.value_or(Container());
}

std::string inspect_fault(std::string_view pattern) {
  const Result<Container> parsed = parse_inspect(filled(pattern));
  return parsed ? "none" : parsed.error().message;
}

/// Shortened from Docker 20.10.24.
constexpr std::string_view kInspect20 = R"({"Id":"@","Name":"/web",
  "State":{"Status":"running","Running":true,"Paused":false,"Restarting":false,"Pid":4927},
  "HostConfig":{"NetworkMode":"app","Links":null,"CapAdd":["CAP_NET_ADMIN","sys_ptrace"],
    "Privileged":false},
  "Config":{"Labels":{"a":"b"}},
  "NetworkSettings":{"SandboxKey":"/var/run/docker/netns/66fd5590247b",
    "SecondaryIPAddresses":null,"IPAddress":"","Networks":{"app":{"IPAMConfig":null,
    "Links":["db:store","/cache:/web/fast"],"Aliases":["www","da6ff6909810"],"NetworkID":"#",
    "IPAddress":"172.18.0.3","GlobalIPv6Address":"","DriverOpts":null}}}})";

/// As Docker 26 and later say it: DNSNames, and Aliases without the id.
constexpr std::string_view kInspect26 = R"({"Id":"@","Name":"/web",
  "State":{"Running":true,"Paused":true,"Restarting":false,"Pid":17},
  "HostConfig":{"NetworkMode":"app","CapAdd":null,"Privileged":true},"Config":{"Labels":{}},
  "NetworkSettings":{"SandboxKey":"/var/run/docker/netns/1","Networks":{
    "zoo":{"Links":null,"Aliases":null,"NetworkID":"1","IPAddress":"","DNSNames":null},
    "app":{"Links":null,"Aliases":["www"],"NetworkID":"#","IPAddress":"172.18.0.3",
      "GlobalIPv6Address":"fd00::3","DNSNames":["web","www","da6ff6909810"]}}}})";

/// Docker 28 leaves fields out where older ones say null, and adds GwPriority.
constexpr std::string_view kInspect28 = R"({"Id":"@","Name":"/web","State":{"Running":true,
  "Pid":17},"HostConfig":{"NetworkMode":"bridge"},"Config":{},"NetworkSettings":{"Networks":{
  "bridge":{"GwPriority":0,"NetworkID":"#","IPAddress":"172.17.0.2"}}}})";

TEST(ParseInspect, ReadsDocker20) {
  const Container web = inspected(kInspect20);
  EXPECT_EQ(web.id, kId);
  EXPECT_EQ(web.name, "web");
  EXPECT_TRUE(web.running);
  EXPECT_TRUE(web.inspected);
  EXPECT_EQ(web.pid, 4927);
  EXPECT_EQ(web.network_mode, "app");
  EXPECT_EQ(web.sandbox, "/var/run/docker/netns/66fd5590247b");
  EXPECT_THAT(web.labels, ElementsAre(Pair("a", "b")));
  EXPECT_THAT(web.added_capabilities, ElementsAre("NET_ADMIN", "SYS_PTRACE"));
  EXPECT_EQ(web.power_to_undo(), "has NET_ADMIN");
  ASSERT_EQ(web.networks.size(), 1U);
  const Membership& app = web.networks[0];
  EXPECT_EQ(app.network, "app");
  EXPECT_EQ(app.network_id, kNetwork);
  EXPECT_THAT(app.addresses, ElementsAre(IpAddress::v4({172, 18, 0, 3})));
  EXPECT_THAT(app.names, ElementsAre("web", "www", "da6ff6909810"));
  EXPECT_THAT(app.links,
              ElementsAre(Membership::Link{"db", "store"}, Membership::Link{"cache", "fast"}));
}

TEST(ParseInspect, ReadsDocker26) {
  const Container web = inspected(kInspect26);
  EXPECT_TRUE(web.running) << "paused containers run";
  EXPECT_TRUE(web.privileged);
  EXPECT_EQ(web.power_to_undo(), "is privileged");
  EXPECT_THAT(web.added_capabilities, IsEmpty());
  ASSERT_EQ(web.networks.size(), 2U);
  EXPECT_EQ(web.networks[0].addresses.size(), 2U);
  EXPECT_THAT(web.networks[0].names, ElementsAre("web", "www", "da6ff6909810"));
  EXPECT_THAT(web.networks[1].addresses, IsEmpty());
  EXPECT_THAT(web.networks[1].names, ElementsAre("web", "da6ff6909810"));
}

TEST(ParseInspect, ReadsDocker28) {
  const Container web = inspected(kInspect28);
  EXPECT_EQ(web.pid, 17);
  EXPECT_EQ(web.power_to_undo(), "");
  ASSERT_EQ(web.networks.size(), 1U);
  EXPECT_THAT(web.networks[0].names, ElementsAre("web", "da6ff6909810"));
}

TEST(ParseInspect, AStoppedContainerHasNoPid) {
  const Container stopped = inspected(R"({"Id":"@","Name":"/a","State":{"Running":false,"Pid":4},
                    "NetworkSettings":{"SandboxKey":"/old"}})");
  EXPECT_FALSE(stopped.running);
  EXPECT_EQ(stopped.pid, 0);
}

TEST(ParseInspect, WhatWaitsForItsRestartDoesNotRun) {
  const Container waiting =
      inspected(R"({"Id":"@","State":{"Running":true,"Restarting":true,"Pid":0}})");
  EXPECT_FALSE(waiting.running);
}

TEST(ParseInspect, ToleratesWhatIsMissingOrNull) {
  EXPECT_EQ(inspected(R"({"Id":"@"})").name, "");
  const Container empty = inspected(
      R"({"Id":"@","Name":null,"State":null,"Config":null,"HostConfig":null,
          "NetworkSettings":{"Networks":{"app":null}}})");
  ASSERT_EQ(empty.networks.size(), 1U);
  EXPECT_THAT(empty.networks[0].names, ElementsAre("da6ff6909810"));
}

TEST(ParseInspect, RefusesWhatIsOfTheWrongKind) {
  EXPECT_THAT(inspect_fault(R"({"Id":"@","State":{"Running":"yes"}})"),
              HasSubstr("State.Running is not true or false"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@","State":[]})"), HasSubstr("State is not an object"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@","State":{"Pid":1.5}})"),
              HasSubstr("State.Pid is not a whole number"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@","State":{"Pid":-1}})"), HasSubstr("no process id"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@","Config":{"Labels":{"a":1}}})"),
              HasSubstr("Config.Labels is not text"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@","HostConfig":{"CapAdd":"ALL"}})"),
              HasSubstr("HostConfig.CapAdd is not an array"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@","NetworkSettings":{"Networks":{"a":{"IPAddress":"x"}}}})"),
              HasSubstr("IPAddress x is no address"));
}

TEST(ParseInspect, RefusesBadIdsAndGarbage) {
  EXPECT_THAT(inspect_fault(R"({})"), HasSubstr("Id is not"));
  EXPECT_THAT(inspect_fault(R"({"Id":null})"), HasSubstr("Id is not"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@@"})"), HasSubstr("Id is not"));
  EXPECT_THAT(inspect_fault(R"({"Id":7})"), HasSubstr("Id is not text"));
  EXPECT_THAT(inspect_fault("[]"), HasSubstr("no object"));
  EXPECT_THAT(inspect_fault("7"), HasSubstr("neither an object nor an array"));
  EXPECT_THAT(inspect_fault(""), HasSubstr("no valid JSON"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@")"), HasSubstr("no valid JSON"));
  EXPECT_THAT(inspect_fault(std::string(100000, '[')), HasSubstr("no valid JSON"));
}

TEST(ParseList, ReadsDocker20) {
  const auto list = parse_list(filled(R"([{"Id":"@","Names":["/db/web","/web"],
      "Labels":{"a":"b"},"State":"running","HostConfig":{"NetworkMode":"app"},
      "NetworkSettings":{"Networks":{"app":{"Links":null,"Aliases":null,"NetworkID":"#",
      "IPAddress":"172.18.0.3","GlobalIPv6Address":""}}}},
      {"Id":"@","Names":null,"State":"paused"},{"Id":"@","State":"exited"}])"));
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 3U);
  const Container& web = list->front();
  EXPECT_EQ(web.name, "web");
  EXPECT_TRUE(web.running);
  EXPECT_FALSE(web.inspected);
  EXPECT_EQ(web.network_mode, "app");
  EXPECT_THAT(web.labels, ElementsAre(Pair("a", "b")));
  ASSERT_EQ(web.networks.size(), 1U);
  EXPECT_EQ(web.networks[0].addresses.size(), 1U);
  EXPECT_TRUE((*list)[1].running);
  EXPECT_FALSE((*list)[2].running);
}

TEST(ParseList, RefusesWhatIsNoList) {
  EXPECT_TRUE(parse_list("[]"));
  EXPECT_FALSE(parse_list("{}"));
  EXPECT_FALSE(parse_list("[1]"));
  EXPECT_FALSE(parse_list("[{}]"));
  EXPECT_FALSE(parse_list("[{"));
}

TEST(ParseEvent, ReadsWhichContainer) {
  const auto start = parse_event(filled(R"({"status":"start","id":"@","Type":"container",
      "Action":"start","Actor":{"ID":"@","Attributes":{"name":"db"}},"time":1})"));
  ASSERT_TRUE(start);
  EXPECT_EQ(start->type, "container");
  EXPECT_EQ(start->action, "start");
  EXPECT_EQ(start->container, kId);
  const auto connect = parse_event(filled(R"({"Type":"network","Action":"connect",
      "Actor":{"ID":"#","Attributes":{"container":"@","name":"app","type":"bridge"}}})"));
  ASSERT_TRUE(connect);
  EXPECT_EQ(connect->container, kId);
  const auto create = parse_event(
      filled(R"({"Type":"network","Action":"create","Actor":{"ID":"#","Attributes":{}}})"));
  ASSERT_TRUE(create);
  EXPECT_EQ(create->container, "");
}

TEST(ParseEvent, RefusesWhatIsNoEvent) {
  EXPECT_FALSE(parse_event("{}"));
  EXPECT_FALSE(parse_event("nonsense"));
  EXPECT_FALSE(parse_event(R"({"Type":"container","Action":"start"})"));
  EXPECT_FALSE(parse_event(R"({"Type":"container","Action":"start","Actor":{"ID":"x"}})"));
  EXPECT_FALSE(parse_event(filled(R"({"Type":1,"Action":"start","Actor":{"ID":"@"}})")));
}

TEST(Cgroup, HoldsTheContainersId) {
  const std::string id(kId);
  EXPECT_EQ(container_of_cgroup("0::/docker/" + id + "\n"), id);
  EXPECT_EQ(container_of_cgroup("0::/system.slice/docker-" + id + ".scope\n"), id);
  EXPECT_EQ(container_of_cgroup("2:cpu:/docker/" + id + "\n1:name=systemd:/docker/" + id), id);
  EXPECT_EQ(container_of_cgroup("0::/docker/" + std::string(64, 'a') + "/docker/" + id), id);
  EXPECT_FALSE(container_of_cgroup("0::/user.slice/abc\n"));
  EXPECT_FALSE(container_of_cgroup("0::/docker/" + id + "0"));
  EXPECT_FALSE(container_of_cgroup(""));
}

TEST(ExecRoot, IsReadFromTheCommandLine) {
  using namespace std::string_view_literals;
  EXPECT_EQ(exec_root("dockerd\0--exec-root=/x/run\0-D\0"sv), "/x/run");
  EXPECT_EQ(exec_root("dockerd\0--exec-root\0/x/run\0"sv), "/x/run");
  EXPECT_EQ(exec_root("dockerd\0-H\0fd://\0"sv), "/var/run/docker");
  EXPECT_EQ(exec_root("dockerd\0--exec-root"sv), "/var/run/docker");
  EXPECT_EQ(exec_root(""), "/var/run/docker");
}

}  // namespace
}  // namespace nxgate::docker
