#include "app/selection.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/settings.h"
#include "docker/container.h"

namespace nxgate::app {
namespace {

docker::Container web() {
  docker::Container container;
  container.name = "shop-web-1";
  container.networks = {{.network = "shop_default"}};
  container.labels = {{"com.docker.compose.project", "shop"},
                      {"com.docker.compose.service", "web"},
                      {"tier", "front"}};
  return container;
}

docker::Container labelled(const std::string& policy, const std::string& allow = {}) {
  docker::Container container = web();
  if (!policy.empty()) container.labels[kPolicyLabel] = policy;
  if (!allow.empty()) container.labels[kAllowLabel] = allow;
  return container;
}

config::DockerSettings with_rule(config::ContainerRule rule) {
  config::DockerSettings settings;
  settings.containers.push_back(std::move(rule));
  return settings;
}

TEST(Selection, LeavesAloneWhatNothingMatches) {
  EXPECT_EQ(select(web(), {}), std::nullopt);
  EXPECT_EQ(select(web(), with_rule({.name = "db-*"})), std::nullopt);
}

TEST(Selection, EveryConditionOfARuleMustHold) {
  const auto matches = [](config::ContainerRule rule) {
    return select(web(), with_rule(std::move(rule))).has_value();
  };
  EXPECT_TRUE(matches({.name = "shop-*"}));
  EXPECT_TRUE(matches({.project = "shop", .service = "web"}));
  EXPECT_FALSE(matches({.project = "shop", .service = "db"}));
  EXPECT_TRUE(matches({.network = "shop_default"}));
  EXPECT_FALSE(matches({.network = "other"}));
  EXPECT_TRUE(matches({.label = "tier"}));
  EXPECT_TRUE(matches({.label = "tier=front"}));
  EXPECT_FALSE(matches({.label = "tier=back"}));
  EXPECT_FALSE(matches({.name = "shop-*", .label = "none"}));
}

TEST(Selection, TheFirstRuleThatMatchesNamesThePolicyWhateverTheLabelSays) {
  config::DockerSettings settings = with_rule({.name = "shop-*", .policy = {"strict", {}}});
  settings.containers.push_back({.name = "*", .policy = {"loose", {}}});
  EXPECT_EQ(select(labelled("loose"), settings)->policy, "strict");
}

TEST(Selection, ALabelChoosesWhereNoRuleDoes) {
  EXPECT_EQ(select(labelled("ci"), {})->policy, "ci");
  EXPECT_EQ(select(labelled("ci"), with_rule({.name = "shop-*"}))->policy, "ci");
  EXPECT_EQ(select(web(), with_rule({.name = "shop-*"}))->policy, "default");
}

TEST(Selection, ALabelThatMayNotChooseGetsNothingResolved) {
  config::DockerSettings settings;
  settings.label_policies = {{"ci", {}}};
  EXPECT_EQ(select(labelled("ci"), settings)->allow, std::nullopt);
  const auto choice = select(labelled("admin", "example.com"), settings);
  EXPECT_EQ(choice->policy, "default");
  EXPECT_EQ(choice->allow, "");
  EXPECT_NE(choice->complaint.find("nxgate.policy=admin"), std::string::npos);
}

TEST(Selection, TheAllowLabelNarrowsEveryChoice) {
  EXPECT_EQ(select(labelled("", "a.test,b.test"), {})->policy, "default");
  EXPECT_EQ(select(labelled("ci", "a.test"), {})->allow, "a.test");
  const auto ruled = with_rule({.name = "*", .policy = {"strict", {}}});
  EXPECT_EQ(select(labelled("ci", "a.test"), ruled)->allow, "a.test");
}

TEST(Selection, AllMeansThoseToo) {
  config::DockerSettings settings;
  settings.attach_all = true;
  EXPECT_EQ(select(web(), settings)->policy, "default");
}

}  // namespace
}  // namespace nxgate::app
