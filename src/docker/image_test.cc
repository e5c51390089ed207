#include "docker/image.h"

#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "containers/container.h"
#include "docker/client.h"
#include "docker/container_reader.h"
#include "docker/fake_engine.h"

namespace nxgate::docker {
namespace {

const std::string kImage = "sha256:" + std::string(64, '7');

/// Running, of `kImage`, with these labels, a JSON object.
std::string labelled(char digit, const std::string& labels) {
  return fmt::format(
      R"({{"Id":"{}","Name":"/web","Image":"{}","State":{{"Running":true,"Pid":42}},)"
      R"("Config":{{"Labels":{}}}}})",
      FakeEngine::id(digit), kImage, labels);
}

class Image : public ::testing::Test {
 protected:
  Container inspect() {
    Container found;
    boost::asio::co_spawn(
        loop_,
        [&]() -> boost::asio::awaitable<void> {
          if (auto result = co_await client_.inspect(FakeEngine::id('a'))) found = *result;
        },
        boost::asio::detached);
    loop_.run();
    loop_.restart();
    return found;
  }

  FakeEngine engine_{::testing::TempDir() + "nxgate_image." + std::to_string(::getpid())};
  boost::asio::io_context loop_;
  Client client_{loop_, engine_.path(), {"nxgate.policy", "tier"}};
};

TEST_F(Image, WhatItCarriesWithTheSameValueIsNotTheContainersOwn) {
  engine_.put_image('7', R"({"nxgate.policy":"open","tier":"front"})");
  engine_.put_raw('a', labelled('a', R"({"nxgate.policy":"open","tier":"back"})"));
  const Container container = inspect();
  EXPECT_EQ(container.labels, (Labels{{"tier", "back"}}));
  EXPECT_EQ(container.image_labels, (Labels{{"nxgate.policy", "open"}}));
  EXPECT_EQ(container.image_fault, "");
}

TEST_F(Image, ItIsLookedAtOnceAndOnlyForLabels) {
  engine_.put_raw('a', labelled('a', "{}"));
  inspect();
  EXPECT_EQ(engine_.count_requests("/images/"), 0);
  engine_.put_image('7', "null");
  engine_.put_raw('a', labelled('a', R"({"tier":"front"})"));
  EXPECT_EQ(inspect().labels, (Labels{{"tier", "front"}}));
  EXPECT_EQ(inspect().labels, (Labels{{"tier", "front"}}));
  EXPECT_EQ(engine_.count_requests("/images/"), 1);
}

TEST_F(Image, WithoutItNoLabelIsTheContainersOwn) {
  engine_.put_raw('a', labelled('a', R"({"tier":"front"})"));
  const Container gone = inspect();
  EXPECT_TRUE(gone.labels.empty());
  EXPECT_EQ(gone.image_labels, (Labels{{"tier", "front"}}));
  EXPECT_NE(gone.image_fault, "");
  engine_.put_image('7', R"({"tier":["odd"]})");
  EXPECT_NE(inspect().image_fault, "");
  engine_.put_image('7', "{}");
  EXPECT_EQ(inspect().image_fault, "") << "it is looked at again";
}

TEST(TellLabelsApart, ComposeNamesTheImageItMadeTheContainerOf) {
  const Labels carried{{containers::kProjectLabel, "shop"}, {"tier", "front"}};
  Container container{.image = kImage, .labels = carried};
  container.labels[containers::kComposeImageLabel] = kImage;
  tell_labels_apart(container, carried);
  EXPECT_EQ(container.label(containers::kProjectLabel), "shop");
  EXPECT_EQ(container.image_labels, (Labels{{"tier", "front"}}));

  Container liar{.image = "sha256:" + std::string(64, '8'), .labels = carried};
  liar.labels[containers::kComposeImageLabel] = kImage;
  tell_labels_apart(liar, carried);
  EXPECT_EQ(liar.label(containers::kProjectLabel), "");
}

TEST(ImageLabels, IsBounded) {
  ImageLabels images;
  images.put("large", {{"key", std::string(ImageLabels::kMostOctets, 'x')}});
  EXPECT_EQ(images.find("large"), nullptr);
  for (std::size_t i = 0; i <= ImageLabels::kMostImages; ++i) images.put(std::to_string(i), {});
  EXPECT_EQ(images.find("0"), nullptr);
  EXPECT_NE(images.find(std::to_string(ImageLabels::kMostImages)), nullptr);
}

}  // namespace
}  // namespace nxgate::docker
