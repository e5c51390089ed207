#include "docker/event.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace nxgate::docker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kId(64, 'a');

std::string container_event(std::string_view action, std::string_view attributes = "") {
  return R"({"status":"start","Type":"container","Action":")" + std::string(action) +
         R"(","Actor":{"ID":")" + kId + R"(","Attributes":{)" + std::string(attributes) +
         R"(}},"time":1})";
}

class EventsTest : public ::testing::Test {
 protected:
  Result<void> write(std::string_view text, std::size_t piece = 11) {
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
      if (const Result<void> taken = reader_.write(text.substr(0, piece)); !taken) return taken;
    }
    return {};
  }

  std::vector<std::string> seen_;
  std::vector<std::string> odd_;
  EventReader reader_{
      [this](const Event& event) {
        seen_.push_back(event.type + " " + event.action + " " + event.container.substr(0, 3));
      },
      [this](const Error& error) { odd_.push_back(error.message); }};
};

TEST_F(EventsTest, SayWhichContainer) {
  const std::string network = std::string(64, 'b');
  EXPECT_TRUE(write(container_event("start") + "\n\r\n\n" + R"({"Type":"network","Action":"connect",
      "Actor":{"ID":")" +
                    network + R"(","Attributes":{"container":")" + kId + "\"}}}\r\n" +
                    R"({"Type":"network","Action":"create","Actor":{"Attributes":{}}})" + "\n"));
  // JSON of several lines is none here.
  EXPECT_THAT(seen_, ElementsAre("container start aaa", "network create "));
  EXPECT_EQ(odd_.size(), 2U);
}

TEST_F(EventsTest, WhatIsNoEventIsPassedOver) {
  for (const std::string& text :
       {std::string("{}"), std::string("nonsense"), std::string("[1,2]"),
        std::string(R"({"Type":"container","Action":"start"})"),
        std::string(R"({"Type":"container","Action":"start","Actor":{"ID":"x"}})"),
        std::string(R"({"Type":1,"Action":"start"})"), container_event("start") + "{}",
        std::string(10'000, '[')}) {
    EXPECT_TRUE(write(text + "\n"));
  }
  EXPECT_THAT(seen_, IsEmpty());
  EXPECT_EQ(odd_.size(), 8U);
  EXPECT_THAT(odd_[0], HasSubstr("invalid event from the Docker engine: "));
  EXPECT_TRUE(write(container_event("die") + "\n"));
  EXPECT_THAT(seen_, ElementsAre("container die aaa"));
}

TEST_F(EventsTest, AsManyLabelsAsTheContainerHas) {
  const std::string label = R"("big":")" + std::string(8U << 20U, 'x') + "\"";
  EXPECT_TRUE(write(container_event("start", label) + "\n", 65536));
  EXPECT_THAT(seen_, ElementsAre("container start aaa"));
}

TEST_F(EventsTest, ALineWithoutAnEndEndsThem) {
  const std::string piece(1U << 20U, ' ');
  Result<void> taken;
  std::size_t sent = 0;
  for (; taken && sent <= kLongestEvent; sent += piece.size()) taken = reader_.write(piece);
  ASSERT_FALSE(taken);
  EXPECT_GE(sent, kLongestEvent);
  EXPECT_THAT(taken.error().message, HasSubstr("never ends"));
}

TEST_F(EventsTest, WhatComesLateInTheDayCountsAsWell) {
  EXPECT_TRUE(write(R"({"time":9,"Type":"container","Action":"die","Actor":{"ID":")" + kId +
                    "\"}}\n" + container_event("start") + "\n"));
  EXPECT_THAT(seen_, ElementsAre("container die aaa", "container start aaa"))
      << "an engine's clock may go back";
}

}  // namespace
}  // namespace nxgate::docker
