#include "attach/selection.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "config/settings.h"
#include "containers/container.h"

namespace nxgate::attach {
namespace {

containers::Container web() {
  containers::Container container;
  container.name = "shop-web-1";
  container.networks = {{.network = "shop_default"}};
  container.labels = {{"com.docker.compose.project", "shop"},
                      {"com.docker.compose.service", "web"},
                      {"tier", "front"}};
  return container;
}

containers::Container labelled(const std::string& policy, const std::string& allow = {}) {
  containers::Container container = web();
  if (!policy.empty()) container.labels[kPolicyLabel] = policy;
  if (!allow.empty()) container.labels[kAllowLabel] = allow;
  return container;
}

config::DockerSettings with_rule(config::ContainerRule rule) {
  config::DockerSettings settings;
  settings.containers.push_back(std::move(rule));
  return settings;
}

config::DockerSettings any_label() {
  config::DockerSettings settings;
  settings.label_policies = {{"*", {}}};
  return settings;
}

/// The same labels, by whoever built its image.
containers::Container by_image(containers::Container container) {
  container.image_labels = std::exchange(container.labels, {});
  return container;
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

TEST(Selection, ALabelChoosesWhereNoRuleDoesIfItMay) {
  EXPECT_EQ(select(labelled("ci"), {})->allow, "") << "none may by default";
  config::DockerSettings settings = with_rule({.name = "shop-*"});
  settings.label_policies = {{"*", {}}};
  EXPECT_EQ(select(labelled("ci"), settings)->policy, "ci");
  settings.containers.clear();
  EXPECT_EQ(select(labelled("ci"), settings)->policy, "ci");
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
  EXPECT_TRUE(choice->closed) << "the firewall that was meant isn't known";
}

TEST(Selection, AnOperatorsOwnNothingIsNoFault) {
  EXPECT_FALSE(select(labelled("ci", " "), any_label())->closed);
}

TEST(Selection, TheAllowLabelNarrowsEveryChoice) {
  EXPECT_EQ(select(labelled("", "a.test,b.test"), {})->policy, "default");
  EXPECT_EQ(select(labelled("ci", "a.test"), any_label())->allow, "a.test");
  const auto ruled = with_rule({.name = "*", .policy = {"strict", {}}});
  EXPECT_EQ(select(labelled("ci", "a.test"), ruled)->allow, "a.test");
}

TEST(Selection, ThePresetsLabelNarrowsBesideTheAllowLabel) {
  containers::Container container = web();
  container.labels[kPresetsLabel] = "npm, github";
  EXPECT_EQ(select(container, {})->allow, "preset npm,preset github");
  container.labels[kAllowLabel] = "a.test";
  EXPECT_EQ(select(container, {})->allow, "a.test,preset npm,preset github");
  container.labels = {{kPresetsLabel, ""}};
  EXPECT_EQ(select(container, {})->allow, "") << "nothing";
}

TEST(Selection, AnImagesPresetsLabelOnlyNarrows) {
  containers::Container container = web();
  container.image_labels[kPresetsLabel] = "npm";
  const auto choice = select(container, {});
  EXPECT_EQ(choice->policy, "default");
  EXPECT_EQ(choice->allow, "preset npm");
  EXPECT_TRUE(choice->complaint.contains("restricted by nxgate.presets"));
  container.labels[kAllowLabel] = "a.test";
  EXPECT_EQ(select(container, {})->allow, "a.test") << "never wider than the container's own";
}

TEST(Selection, AnImagesLabelsChooseNothingAndMatchNoRule) {
  config::DockerSettings settings = any_label();
  settings.attach_all = true;
  const auto labelled_choice = select(by_image(labelled("open")), settings);
  EXPECT_EQ(labelled_choice->policy, "default");
  EXPECT_TRUE(labelled_choice->complaint.contains("nxgate.policy=open"));
  settings.containers.push_back({.project = "shop", .service = "web", .policy = {"shop", {}}});
  settings.containers.push_back({.label = "tier=front", .policy = {"front", {}}});
  const auto ruled = select(by_image(web()), settings);
  EXPECT_EQ(ruled->policy, "default");
  EXPECT_TRUE(ruled->complaint.contains("com.docker.compose.project=shop"));
  EXPECT_EQ(select(web(), settings)->policy, "shop");
}

TEST(Selection, WhatAnImagesLabelsWouldChooseMustAllowAsWell) {
  const std::vector<Choice::Other> ci{{"ci", std::nullopt}};
  config::DockerSettings settings = any_label();
  settings.attach_all = true;
  EXPECT_EQ(select(by_image(labelled("ci")), settings)->others, ci);
  EXPECT_TRUE(select(by_image(labelled("ci")), settings)
                  ->complaint.contains("must also be allowed by the policy ci"));
  EXPECT_TRUE(select(by_image(labelled("default")), settings)->others.empty());
  settings.containers = {{.label = "tier=front", .policy = {"ci", {}}}};
  EXPECT_EQ(select(by_image(web()), settings)->others, ci) << "by a rule as well";
  settings.containers = {{.name = "shop-*", .policy = {"strict", {}}}};
  EXPECT_TRUE(select(by_image(labelled("ci")), settings)->others.empty()) << "the rule goes before";
  config::DockerSettings none;
  none.attach_all = true;
  EXPECT_TRUE(select(by_image(labelled("ci")), none)->others.empty()) << "it may choose none";
}

TEST(Selection, WhoWouldBeLeftAloneButForItsImagesLabelsGetsTheDefault) {
  EXPECT_EQ(select(by_image(web()), any_label()), std::nullopt);
  for (const containers::Container& container :
       {by_image(labelled("open")), by_image(labelled("", "a.test"))}) {
    const auto choice = select(container, any_label());
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->policy, "default");
    EXPECT_FALSE(choice->complaint.empty());
  }
}

TEST(Selection, AnImagesAllowLabelNarrowsUnlessTheContainerHasItsOwn) {
  containers::Container container = by_image(labelled("", "a.test,b.test"));
  EXPECT_EQ(select(container, any_label())->allow, "a.test,b.test");
  container.labels[kAllowLabel] = "c.test";
  EXPECT_EQ(select(container, any_label())->allow, "c.test");
}

TEST(Selection, ImagesThatCannotBeLookedAtAreNamed) {
  containers::Container container = by_image(labelled("open"));
  container.image_fault = "no such image";
  EXPECT_TRUE(
      select(container, any_label())->complaint.contains("can't be inspected (no such image)"));
}

TEST(Selection, AGuestHoldsItsNamespaceToItsOwnChoiceIfItAskedForOne) {
  const Choice owner{.policy = "ci", .asked = true};
  Choice held = owner;
  restrict_by(held, {.policy = "ci", .asked = true}, "guest");
  restrict_by(held, {.policy = "default"}, "guest");
  EXPECT_EQ(held, owner) << "the same, or nothing asked for";
  restrict_by(held, {.policy = "ci", .allow = "a.test", .asked = true}, "guest");
  restrict_by(held, {.policy = "strict", .asked = true}, "other");
  restrict_by(held, {.policy = "strict", .asked = true}, "another");
  const std::vector<Choice::Other> others{{"ci", "a.test"}, {"strict", {}}};
  EXPECT_EQ(held.others, others);
  EXPECT_TRUE(held.complaint.contains("guest shares its namespace"));
  EXPECT_FALSE(held.closed);
  restrict_by(held, {.allow = "", .fault = "no such policy", .closed = true, .asked = true}, "bad");
  EXPECT_TRUE(held.closed);
  EXPECT_EQ(held.fault, "bad: no such policy");
}

TEST(Selection, WhatHoldsAGuestHoldsItsNamespace) {
  Choice held{.policy = "default"};
  restrict_by(held, {.policy = "default", .others = {{"strict", {}}}}, "guest");
  const std::vector<Choice::Other> others{{"strict", {}}};
  EXPECT_EQ(held.others, others);
  restrict_by(held, {.policy = "default", .others = {{"strict", {}}}}, "another");
  EXPECT_EQ(held.others, others) << "once";
}

TEST(Selection, AllMeansThoseToo) {
  config::DockerSettings settings;
  settings.attach_all = true;
  EXPECT_EQ(select(web(), settings)->policy, "default");
}

}  // namespace
}  // namespace nxgate::attach
