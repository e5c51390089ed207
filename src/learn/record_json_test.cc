#include "learn/record_json.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "learn/learn_fixture.h"
#include "learn/record.h"

namespace nxgate::learn {
namespace {

using testing::HasSubstr;

std::string fault_of(std::string_view text) {
  const auto record = record_from_json(text);
  return record ? "none" : record.error().message;
}

/// A document with one name of these fields.
std::string with_name(std::string_view fields) {
  return R"({"version":1,"policy":"ci","started":5,"clients":["10.0.0.5"],"names":[{)" +
         std::string(fields) + "}]}";
}

constexpr std::string_view kGood =
    R"("name":"a.example","outcome":"exists","count":2,"first":5,"last":7,"clients":[0])";

TEST(RecordJson, ReadsBackWhatItWrote) {
  Record record = record_of({{"a.example", Existence::kExists, "web"},
                             {"a.example", Existence::kExists, "db", kNoon + kDay},
                             {R"(odd\.\200#.example)", Existence::kMissing},
                             {"c.example", Existence::kFailed}});
  record.add_port(name_of("a.example"), {IPPROTO_TCP, 443});
  record.add_port(name_of("a.example"), {IPPROTO_UDP, 443});
  record.stop(kNoon + 2 * kDay);
  const std::string text = to_json(record);
  const auto again = record_from_json(text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_json(*again), text);
  EXPECT_EQ(again->policy(), "ci");
  EXPECT_EQ(again->started(), kNoon);
  EXPECT_EQ(again->stopped(), kNoon + 2 * kDay);
  EXPECT_EQ(again->size(), 3U);
  for (const char* name : {"a.example", R"(odd\.\200#.example)", "c.example"}) {
    EXPECT_EQ(*again->find(name_of(name)), *record.find(name_of(name))) << name;
  }
}

TEST(RecordJson, GoesOnWhereItStopped) {
  auto record = record_from_json(to_json(record_of({{"a.example"}})));
  ASSERT_TRUE(record);
  EXPECT_FALSE(record->stopped());
  add(*record, {.name = "a.example", .client = "10.0.0.9", .when = kNoon + 1});
  EXPECT_EQ(record->find(name_of("a.example"))->count, 2U);
  EXPECT_EQ(record->clients().size(), 2U);
}

TEST(RecordJson, TellsWhatIsWrongAndWhere) {
  EXPECT_EQ(fault_of(with_name(kGood)), "none");
  EXPECT_THAT(fault_of(""), HasSubstr("invalid JSON"));
  EXPECT_THAT(fault_of("[1]"), HasSubstr("expected an object"));
  EXPECT_THAT(fault_of(R"({"version":2})"), HasSubstr("version: expected 1"));
  EXPECT_THAT(fault_of(R"({"version":1,"started":1})"), HasSubstr("policy: expected text"));
  EXPECT_THAT(fault_of(with_name(R"("name":"a.example","outcome":"maybe")")),
              HasSubstr("names[0].outcome"));
  EXPECT_THAT(
      fault_of(with_name(R"("name":"a..b","outcome":"exists","count":1,"first":1,"last":1)")),
      HasSubstr("names[0].name"));
  EXPECT_THAT(fault_of(with_name(R"("name":"a","outcome":"exists","count":-1,"first":1,"last":1)")),
              HasSubstr("names[0].count: expected a whole number"));
  EXPECT_THAT(fault_of(with_name(R"("name":"a","outcome":"exists","count":1,"first":9,"last":1)")),
              HasSubstr("names[0].last: earlier"));
}

TEST(RecordJson, RefusesWhatItNeverWrites) {
  const auto good_with = [](std::string_view more) {
    return with_name(std::string(kGood) + "," + std::string(more));
  };
  EXPECT_THAT(fault_of(good_with(R"("types":["A","A"])")), HasSubstr("types[1]: out of order"));
  EXPECT_THAT(fault_of(good_with(R"("types":["?"])")), HasSubstr("types[0]: not understood"));
  EXPECT_THAT(fault_of(good_with(R"("ports":["443"])")), HasSubstr("ports[0]"));
  EXPECT_THAT(fault_of(with_name(
                  R"("name":"a","outcome":"exists","count":1,"first":1,"last":1,"clients":[1])")),
              HasSubstr("clients[0]"));
  EXPECT_THAT(fault_of(with_name(std::string(kGood) + "},{" + std::string(kGood))),
              HasSubstr("names[1].name: duplicate"));
  EXPECT_THAT(fault_of(R"({"version":1,"policy":"","started":1,"clients":["a","a"]})"),
              HasSubstr("clients[1]: duplicate"));
  EXPECT_THAT(fault_of(std::string(100'000, '[')), HasSubstr("invalid JSON"));
}

}  // namespace
}  // namespace nxgate::learn
