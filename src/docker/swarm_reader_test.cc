#include "docker/swarm_reader.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace nxgate::docker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <class Reader>
auto read(std::string_view text, std::size_t piece = 7) {
  Reader reader;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    if (auto taken = reader.write(text.substr(0, piece)); !taken) {
      return decltype(reader.finish())(std::unexpected(taken.error()));
    }
  }
  return reader.finish();
}

constexpr std::string_view kOverlay = R"({"Name":"overlay","Id":"x","Scope":"swarm","Peers":[{}],
  "Services":{"":{"VIP":"<nil>","Tasks":[{"Name":"alone","EndpointIP":"10.0.1.7","Info":{}}]},
    "web":{"VIP":"10.0.1.2","Ports":[],"LocalLBIndex":257,
      "Tasks":[{"Name":"web.1.a","EndpointIP":"10.0.1.3"},{"Name":"web.2.b","EndpointIP":""}]}}})";

TEST(NetworkReader, WhoIsOnANetworkOfASwarm) {
  const auto seen = read<NetworkReader>(kOverlay);
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_TRUE(seen->shared && seen->whole);
  ASSERT_EQ(seen->services.size(), 2U);
  EXPECT_EQ(seen->services.at("").virtual_address, "") << "Go's nil";
  EXPECT_EQ(seen->services.at("").tasks.at(0).address, "10.0.1.7");
  const NetworkSeen::Service& web = seen->services.at("web");
  EXPECT_EQ(web.virtual_address, "10.0.1.2");
  ASSERT_EQ(web.tasks.size(), 2U);
  EXPECT_EQ(web.tasks[1].name, "web.2.b");
}

TEST(NetworkReader, OneOfThisEngineAlone) {
  const auto seen = read<NetworkReader>(R"({"Name":"app","Scope":"local","Containers":{}})");
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_FALSE(seen->shared);
  EXPECT_THAT(seen->services, IsEmpty());
}

TEST(NetworkReader, WhatIsNotToldIsNotWhole) {
  const auto seen = read<NetworkReader>(R"({"Scope":"swarm","Services":null})");
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_TRUE(seen->shared);
  EXPECT_FALSE(seen->whole);
}

TEST(NetworkReader, WhatIsWrongIsSaid) {
  const auto fault = [](std::string_view text) {
    const auto seen = read<NetworkReader>(text);
    return seen ? std::string() : seen.error().message;
  };
  EXPECT_THAT(fault("{"), HasSubstr("invalid description of a network"));
  EXPECT_THAT(fault(R"({"Services":{"web":{"Tasks":[{"Name":7}]}}})"),
              HasSubstr("Services.web.Tasks.Name is not"));
  EXPECT_THAT(fault(R"({"Services":{"web":{"Tasks":["x"]}}})"), HasSubstr("Tasks is not"));
}

TEST(ServicesReader, OtherNamesByNetwork) {
  const auto aliases = read<ServicesReader>(R"([
    {"ID":"1","Spec":{"Name":"app_web","TaskTemplate":{"Networks":[
      {"Target":"n1","Aliases":["web","www"]},{"Target":"n2"}]}}},
    {"ID":"2","Spec":{"Name":"old","Networks":[{"Target":"n1","Aliases":["older"]}]}},
    {"ID":"3","Spec":{"Name":"plain","TaskTemplate":{"Networks":null}}}])");
  ASSERT_TRUE(aliases) << aliases.error().message;
  EXPECT_THAT(aliases->at("app_web").at("n1"), ElementsAre("web", "www"));
  EXPECT_THAT(aliases->at("app_web").at("n2"), IsEmpty());
  EXPECT_THAT(aliases->at("old").at("n1"), ElementsAre("older"));
  EXPECT_THAT(aliases->at("plain"), IsEmpty());
}

TEST(ServicesReader, WhatIsWrongIsSaid) {
  EXPECT_FALSE(read<ServicesReader>(R"({"message":"no list"})"));
  EXPECT_FALSE(read<ServicesReader>(R"([{"Spec":{"Name":7}}])"));
}

}  // namespace
}  // namespace nxgate::docker
