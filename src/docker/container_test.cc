#include "docker/container.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"

namespace nxgate::docker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::string kId(64, 'a');

std::string inspected(const std::string& more, const std::string& network = R"("IPAddress": "")") {
  return R"({"Id": ")" + kId + R"(", "Name": "/web", "State": {"Running": true, "Pid": 4711},
    "Config": {"Labels": {"nxgate.policy": "ci"}},
    "HostConfig": {"NetworkMode": "app_net"})" +
         more + R"(, "NetworkSettings": {"SandboxKey": "/run/docker/netns/1",
    "Networks": {"app_net": {"NetworkID": "n1", )" +
         network + "}}}}";
}

TEST(Container, IsReadFromItsDescription) {
  const auto container = parse_inspect(inspected(""));
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_EQ(container->id, kId);
  EXPECT_EQ(container->name, "web");
  EXPECT_EQ(container->pid, 4711);
  EXPECT_EQ(container->labels.at("nxgate.policy"), "ci");
  EXPECT_EQ(container->network_mode, "app_net");
  EXPECT_FALSE(container->can_undo());
  EXPECT_THAT(container->networks.at(0).addresses, IsEmpty());
}

TEST(Container, HasNamesOfOldAndNewEngines) {
  const auto old = parse_inspect(inspected("", R"("IPAddress": "172.18.0.2",
      "GlobalIPv6Address": "fd00::2", "Aliases": ["www"], "Links": ["db:database", "/x:/web/y"])"));
  const Membership& place = old->networks.at(0);
  EXPECT_THAT(place.names, UnorderedElementsAre("web", "www", kId.substr(0, 12)));
  EXPECT_THAT(place.addresses,
              ElementsAre(*IpAddress::parse("172.18.0.2"), *IpAddress::parse("fd00::2")));
  EXPECT_THAT(place.links,
              ElementsAre(Membership::Link{"db", "database"}, Membership::Link{"x", "y"}));
  const auto young = parse_inspect(
      inspected("", R"("Aliases": null, "DNSNames": ["web", "www", "host7"], "Links": null)"));
  EXPECT_THAT(young->networks.at(0).names,
              UnorderedElementsAre("web", "www", "host7", kId.substr(0, 12)));
}

TEST(Container, ThatHasEndedHasNoProcess) {
  const auto ended = parse_inspect(R"({"Id": ")" + kId +
                                   R"(", "Name": "/web", "State": {"Running": false, "Pid": 7}})");
  EXPECT_FALSE(ended->running);
  EXPECT_EQ(ended->pid, 0);
}

TEST(Container, ThatCanUndoTheGateIsKnown) {
  const auto undoes = [](const std::string& host) {
    return parse_inspect(R"({"Id": ")" + kId + R"(", "HostConfig": )" + host + "}")->can_undo();
  };
  EXPECT_TRUE(undoes(R"({"Privileged": true})"));
  EXPECT_TRUE(undoes(R"({"CapAdd": ["CAP_NET_ADMIN"]})"));
  EXPECT_TRUE(undoes(R"({"CapAdd": ["all"]})"));
  EXPECT_FALSE(undoes(R"({"CapAdd": ["NET_RAW"]})"));
  EXPECT_FALSE(undoes(R"({"CapAdd": null})"));
}

TEST(Container, IsListedWithLittle) {
  const auto list = parse_list(R"([{"Id": ")" + kId + R"(", "Names": ["/web"], "State": "created",
      "Labels": {"a": "b"}, "HostConfig": {"NetworkMode": "none"},
      "NetworkSettings": {"Networks": {"app_net": {"NetworkID": "", "Aliases": null}}}}])");
  ASSERT_EQ(list->size(), 1);
  EXPECT_EQ(list->front().name, "web");
  EXPECT_FALSE(list->front().running);
  EXPECT_FALSE(list->front().inspected);
  EXPECT_EQ(list->front().networks.at(0).network, "app_net");
}

TEST(Container, WhatIsNoneIsRefused) {
  for (const char* const text :
       {"", "{", "[]", "{}", "null", R"({"Id": "short"})", R"({"Id": 7})"}) {
    EXPECT_FALSE(parse_inspect(text)) << text;
  }
  EXPECT_FALSE(parse_list("{}"));
  EXPECT_FALSE(parse_list("[{}]"));
}

TEST(Event, NamesTheContainerItIsAbout) {
  const auto start =
      parse_event(R"({"Type": "container", "Action": "start", "Actor": {"ID": ")" + kId + R"("}})");
  EXPECT_EQ(start->action, "start");
  EXPECT_EQ(start->container, kId);
  const auto connect = parse_event(R"({"Type": "network", "Action": "connect", "Actor": {"ID": "n1",
      "Attributes": {"container": ")" +
                                   kId + R"("}}})");
  EXPECT_EQ(connect->container, kId);
  EXPECT_EQ(parse_event(R"({"Type": "network", "Action": "create"})")->container, "");
  EXPECT_FALSE(parse_event("no json"));
}

}  // namespace
}  // namespace nxgate::docker
