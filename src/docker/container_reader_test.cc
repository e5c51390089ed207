#include "docker/container_reader.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "base/error.h"
#include "containers/container.h"
#include "docker/excerpt.h"

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

/// Hands a document over in pieces of so many octets.
template <class Reader>
Result<void> write_all(Reader& reader, std::string_view json, std::size_t piece) {
  for (; !json.empty(); json.remove_prefix(std::min(piece, json.size()))) {
    if (const Result<void> written = reader.write(json.substr(0, piece)); !written) return written;
  }
  return {};
}

Result<Container> parse_inspect(std::string_view json, std::size_t piece = 7,
                                const LabelKeys& labels = {"a"}) {
  InspectReader reader(labels);
  if (const Result<void> written = write_all(reader, json, piece); !written) {
    return std::unexpected(written.error());
  }
  return reader.finish();
}

Result<ContainerList> parse_list(std::string_view json, std::size_t piece = 7) {
  ListReader reader({"a"});
  if (const Result<void> written = write_all(reader, json, piece); !written) {
    return std::unexpected(written.error());
  }
  if (const Result<void> whole = reader.finish(); !whole) return std::unexpected(whole.error());
  return reader.take();
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
  "Config":{"Labels":{"a":"b","other":"c"}},
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
  EXPECT_THAT(inspect_fault(R"({"Id":"@","State":{"Pid":-1}})"), HasSubstr("not a process id"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@","Config":{"Labels":{"a":1}}})"),
              HasSubstr("Config.Labels is not text"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@","HostConfig":{"CapAdd":"ALL"}})"),
              HasSubstr("HostConfig.CapAdd is not an array"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@","NetworkSettings":{"Networks":{"a":{"IPAddress":"x"}}}})"),
              HasSubstr("IPAddress x is not an address"));
}

TEST(ParseInspect, RefusesBadIdsAndGarbage) {
  EXPECT_THAT(inspect_fault(R"({})"), HasSubstr("Id is not"));
  EXPECT_THAT(inspect_fault(R"({"Id":null})"), HasSubstr("Id is not"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@@"})"), HasSubstr("Id is not"));
  EXPECT_THAT(inspect_fault(R"({"Id":7})"), HasSubstr("Id is not text"));
  EXPECT_THAT(inspect_fault("[]"), HasSubstr("not an object"));
  EXPECT_THAT(inspect_fault("7"), HasSubstr("not an object"));
  EXPECT_THAT(inspect_fault("{} {}"), HasSubstr("invalid JSON"));
  EXPECT_THAT(inspect_fault(""), HasSubstr("invalid JSON"));
  EXPECT_THAT(inspect_fault(R"({"Id":"@")"), HasSubstr("invalid JSON"));
  EXPECT_THAT(inspect_fault(std::string(100000, '[')), HasSubstr("invalid JSON"));
}

TEST(ParseList, ReadsDocker20) {
  const auto list = parse_list(filled(R"([{"Id":"@","Names":["/db/web","/web"],
      "Labels":{"a":"b"},"State":"running","HostConfig":{"NetworkMode":"app"},
      "NetworkSettings":{"Networks":{"app":{"Links":null,"Aliases":null,"NetworkID":"#",
      "IPAddress":"172.18.0.3","GlobalIPv6Address":""}}}},
      {"Id":"@","Names":null,"State":"paused"},{"Id":"@","State":"exited"}])"));
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->containers.size(), 3U);
  EXPECT_THAT(list->odd, IsEmpty());
  const Container& web = list->containers.front();
  EXPECT_EQ(web.name, "web");
  EXPECT_TRUE(web.running);
  EXPECT_FALSE(web.inspected);
  EXPECT_EQ(web.network_mode, "app");
  EXPECT_THAT(web.labels, ElementsAre(Pair("a", "b")));
  ASSERT_EQ(web.networks.size(), 1U);
  EXPECT_EQ(web.networks[0].addresses.size(), 1U);
  EXPECT_TRUE(list->containers[1].running);
  EXPECT_FALSE(list->containers[2].running);
}

TEST(ParseList, RefusesWhatIsNoList) {
  EXPECT_TRUE(parse_list("[]"));
  EXPECT_TRUE(parse_list(" [] \n"));
  for (const char* const text : {"{}", "7", "\"a\"", "null", "", "[{", "[] []", "[1", "[1,]"}) {
    EXPECT_FALSE(parse_list(text)) << text;
  }
}

TEST(ParseList, OneOddEntryLeavesTheOthers) {
  const auto list = parse_list(filled(R"([{"Id":"abc","Names":["/short"],"State":"running"},
      {"Id":"@","Names":["/odd"],"State":"running","Labels":{"a":7}},
      7, null, [], {}, {"Id":"@","State":5},
      {"Id":"@","Names":["/web"],"State":"running","Labels":{"other":7,"a":"b"}}])"));
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->containers.size(), 1U);
  EXPECT_EQ(list->containers[0].name, "web");
  EXPECT_THAT(list->containers[0].labels, ElementsAre(Pair("a", "b")));
  ASSERT_EQ(list->odd.size(), 7U);
  EXPECT_EQ(list->odd[0].name, "short");
  EXPECT_EQ(list->odd[0].id, "abc");
  EXPECT_THAT(list->odd[0].why, HasSubstr("64 hexadecimal digits"));
  EXPECT_EQ(list->odd[1].id, kId);
  EXPECT_THAT(list->odd[1].why, HasSubstr("Labels is not text"));
  EXPECT_THAT(list->odd[2].why, HasSubstr("not an object"));
  EXPECT_THAT(list->odd[6].why, HasSubstr("State is not text"));
}

TEST(ParseList, WhatWasReadBeforeAFaultCounts) {
  ListReader reader({});
  EXPECT_FALSE(reader.write(filled(R"([{"Id":"@"},{"Id":"@"},{"Id":nonsense)")));
  EXPECT_FALSE(reader.finish());
  EXPECT_EQ(reader.take().containers.size(), 2U);
}

TEST(ParseList, NoMoreThanSoManyContainers) {
  std::string text = "[";
  const std::string entry = filled(R"({"Id":"@"})");
  for (std::size_t i = 0; i < containers::kMostContainers + 5; ++i)
    text += (i > 0 ? "," : "") + entry;
  const auto list = parse_list(text + "]", 65536);
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->containers.size(), containers::kMostContainers);
  ASSERT_EQ(list->odd.size(), 1U);
  EXPECT_THAT(list->odd[0].why, HasSubstr("5 more containers than the 16384"));
}

/// A label of that length, in every spelling of a string that JSON has.
std::string labelled(std::string_view key, std::size_t length) {
  return filled(R"({"Id":"@","Name":"/web","State":{"Running":true,"Pid":9},
      "Config":{"Labels":{"x\u0041\n":"\u00e9","BIG":")") +
         std::string(length, 'l') + "\",\"" + std::string(key) + R"(":"b","":"","\"":"\\"}}})";
}

TEST(ParseInspect, LabelsThatNobodyAskedForAreNoBurden) {
  std::string text = labelled("a", 8U << 20U);
  text.replace(text.find("BIG"), 3, "big");
  const auto web = parse_inspect(text, 65536);
  ASSERT_TRUE(web) << web.error().message;
  EXPECT_THAT(web->labels, ElementsAre(Pair("a", "b")));
  EXPECT_EQ(web->cut, "");
  EXPECT_EQ(web->pid, 9);
}

TEST(ParseInspect, ALabelThatIsTooLongIsEmptyAndTold) {
  const auto whole = parse_inspect(labelled("a", kLongestKeptText), 65536, {"a", "BIG"});
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->labels.at("BIG").size(), kLongestKeptText);
  EXPECT_EQ(whole->cut, "");
  const auto cut = parse_inspect(labelled("a", kLongestKeptText + 1), 65536, {"a", "BIG"});
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_THAT(cut->labels, ElementsAre(Pair("BIG", ""), Pair("a", "b")));
  EXPECT_EQ(cut->cut, "BIG is longer than 65536 octets and treated as empty");
}

TEST(ParseInspect, ManyNamesDontHideWhatComesBehindThem) {
  std::string text = filled(R"({"Id":"@","Name":"/web","NetworkSettings":{"Networks":{"app":{
      "Aliases":[)");
  for (int i = 0; i < 100'000; ++i) text += "\"alias" + std::to_string(i) + "\",";
  text += R"("last"],"IPAddress":"172.18.0.3"}}},"State":{"Running":true,"Pid":9}})";
  const auto web = parse_inspect(text, 65536);
  ASSERT_TRUE(web) << web.error().message;
  EXPECT_EQ(web->pid, 9);
  EXPECT_LE(web->networks[0].names.size(), kMostKeptElements + 2);
  EXPECT_THAT(web->networks[0].addresses, ElementsAre(IpAddress::v4({172, 18, 0, 3})));
  EXPECT_THAT(web->cut, HasSubstr("Aliases is too large"));
}

TEST(ParseInspect, KeysOfAnyLengthAndDepth) {
  const std::string long_key(1U << 20U, 'k');
  const auto named = parse_inspect(
      filled(R"({"Id":"@","NetworkSettings":{"Networks":{")") + long_key + R"(":{}}}})", 65536);
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_THAT(named->networks, IsEmpty());
  EXPECT_THAT(named->cut, HasSubstr("is longer than 1024 octets"));
  const std::string deep = std::string(200, '[') + std::string(200, ']');
  EXPECT_TRUE(parse_inspect(filled(R"({"Id":"@","x":)") + deep + "}"));
}

TEST(ParseInspect, PiecesMakeNoDifference) {
  const std::string text = filled(kInspect20);
  const auto whole = parse_inspect(text, text.size());
  ASSERT_TRUE(whole) << whole.error().message;
  for (std::size_t piece = 1; piece < 20; ++piece)
    EXPECT_EQ(parse_inspect(text, piece).value_or(Container()), *whole);
}

}  // namespace
}  // namespace nxgate::docker
