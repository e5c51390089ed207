#include "learn/record.h"

#include <cstdint>
#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "learn/learn_fixture.h"
#include "wire/types.h"

namespace nxgate::learn {
namespace {

using testing::ElementsAre;

TEST(Record, KeepsCountTimesTypesAndClients) {
  const Record record = record_of({
      {.name = "Deb.Debian.org", .when = kNoon + 5},
      {.name = "deb.debian.org", .client = "10.0.0.6", .when = kNoon},
      {.name = "deb.debian.org", .when = kNoon + 9, .type = wire::Type::kAaaa},
  });
  ASSERT_EQ(record.size(), 1U);
  const Sighting* const sighting = record.find(name_of("deb.debian.org"));
  ASSERT_NE(sighting, nullptr);
  EXPECT_EQ(sighting->count, 3U);
  EXPECT_EQ(sighting->first, kNoon);
  EXPECT_EQ(sighting->last, kNoon + 9);
  EXPECT_THAT(sighting->types, ElementsAre(wire::Type::kA, wire::Type::kAaaa));
  EXPECT_THAT(sighting->clients, ElementsAre(0U, 1U));
  EXPECT_THAT(record.clients(), ElementsAre("10.0.0.5", "10.0.0.6"));
}

TEST(Record, OneAnswerIsEnoughToExist) {
  const Record record = record_of({{"a.example", Existence::kMissing},
                                   {"a.example", Existence::kExists},
                                   {"a.example", Existence::kFailed},
                                   {"b.example", Existence::kFailed},
                                   {"b.example", Existence::kMissing}});
  EXPECT_EQ(record.find(name_of("a.example"))->outcome, Existence::kExists);
  EXPECT_EQ(record.find(name_of("b.example"))->outcome, Existence::kMissing);
}

TEST(Record, ClientsBeyondTheLimitAreCounted) {
  Record record("ci", kNoon);
  for (int i = 0; i < 100; ++i) {
    const std::string client = fmt::format("10.0.0.{}", i);
    add(record, {.name = "a.example", .client = client});
  }
  const Sighting* const sighting = record.find(name_of("a.example"));
  EXPECT_EQ(sighting->clients.size(), Record::kMostClientsOfName);
  EXPECT_EQ(sighting->from_others, 100 - Record::kMostClientsOfName);
  EXPECT_EQ(sighting->count, 100U);
}

TEST(Record, NamesThatNeverExistedCannotPushOutTheOthers) {
  Record record("ci", kNoon);
  const auto ask = [&](std::size_t number, const char* suffix, Existence outcome) {
    const std::string name = fmt::format("{}.{}", number, suffix);
    add(record, {.name = name, .outcome = outcome});
  };
  for (std::size_t i = 0; i < Record::kMostNames; ++i) ask(i, "no.example", Existence::kMissing);
  EXPECT_EQ(record.size(), Record::kMostNonexistent);
  EXPECT_EQ(record.overflowed(), Record::kMostNames - Record::kMostNonexistent);
  for (std::size_t i = 0; i < Record::kMostNames; ++i) ask(i, "yes.example", Existence::kExists);
  EXPECT_EQ(record.size(), Record::kMostNames);
  EXPECT_NE(record.find(name_of("7.yes.example")), nullptr);
  EXPECT_EQ(record.overflowed(), Record::kMostNames);
}

TEST(Record, ANameThatBeginsToExistGivesItsRoomBack) {
  Record record("ci", kNoon);
  for (std::size_t i = 0; i < Record::kMostNonexistent; ++i) {
    const std::string name = fmt::format("{}.example", i);
    add(record, {.name = name, .outcome = Existence::kMissing});
  }
  add(record, {.name = "0.example"});
  add(record, {.name = "new.example", .outcome = Existence::kMissing});
  EXPECT_EQ(record.overflowed(), 0U);
}

TEST(Record, PortsAreThoseOfKnownNamesByTcpOrUdp) {
  Record record = record_of({{"a.example"}});
  record.add_port(name_of("a.example"), {IPPROTO_UDP, 443});
  record.add_port(name_of("a.example"), {IPPROTO_TCP, 443});
  record.add_port(name_of("a.example"), {IPPROTO_TCP, 443});
  record.add_port(name_of("a.example"), {0, 443});
  record.add_port(name_of("a.example"), {IPPROTO_TCP, 0});
  record.add_port(name_of("b.example"), {IPPROTO_TCP, 443});
  EXPECT_THAT(record.find(name_of("a.example"))->ports,
              ElementsAre(Port{IPPROTO_TCP, 443}, Port{IPPROTO_UDP, 443}));
  EXPECT_EQ(record.size(), 1U);
  for (std::uint16_t port = 1; port < 100; ++port) {
    record.add_port(name_of("a.example"), {IPPROTO_TCP, port});
  }
  EXPECT_EQ(record.find(name_of("a.example"))->ports.size(), Record::kMostPorts);
}

TEST(Record, TextOfClientsIsReadableAscii) {
  EXPECT_EQ(plain_text("web\n=evil.example\xff"), "web?=evil.example?");
  EXPECT_EQ(plain_text(std::string(500, 'x')).size(), Record::kLongestText);
}

TEST(Record, NamesComeFromTheTopDown) {
  const Record record =
      record_of({{"b.example"}, {"a.b.example"}, {"example"}, {"z.a.example"}, {"c.b.example"}});
  std::vector<std::string> names;
  for (const auto& named : record.names()) names.push_back(named.name.to_text());
  EXPECT_THAT(names,
              ElementsAre("example", "z.a.example", "b.example", "a.b.example", "c.b.example"));
}

}  // namespace
}  // namespace nxgate::learn
