#include "attach/followed.h"

#include <string>

#include <gtest/gtest.h>

#include "containers/container.h"

namespace nxgate::attach {
namespace {

containers::Container made(char digit, const std::string& name) {
  containers::Container container;
  container.id = std::string(64, digit);
  container.name = name;
  return container;
}

containers::Container composed(char digit, const std::string& name) {
  containers::Container container = made(digit, name);
  container.labels = {{containers::kProjectLabel, "shop"}, {containers::kServiceLabel, "web"}};
  return container;
}

TEST(Followed, ByItsNameItIsWhoeverBearsIt) {
  Followed web("web", made('a', "web"));
  EXPECT_TRUE(web.is(made('b', "web")));
  EXPECT_FALSE(web.is(made('b', "other")));
  EXPECT_EQ(web.label(), "web");
}

TEST(Followed, OneThatIsRenamedStaysItUntilItIsRemoved) {
  Followed web("web", made('a', "web"));
  web.remember({made('a', "old"), made('b', "web")});
  EXPECT_TRUE(web.is(made('a', "old")));
  EXPECT_TRUE(web.is(made('b', "new")));
  web.remember({made('b', "web")});
  EXPECT_TRUE(web.is(made('a', "old"))) << "it may start again";
  web.forget_removed({made('a', "old"), made('b', "web")});
  EXPECT_TRUE(web.is(made('a', "old")));
  web.forget_removed({made('b', "web")});
  EXPECT_FALSE(web.is(made('a', "old")));
  EXPECT_TRUE(web.is(made('b', "new")));
  web.forget(made('b', "web").id);
  EXPECT_FALSE(web.is(made('b', "new")));
}

TEST(Followed, ByItsIdItIsThatOneAlone) {
  Followed one("aaaa", composed('a', "web"));
  EXPECT_TRUE(one.is(made('a', "other")));
  EXPECT_FALSE(one.is(composed('b', "web")));
  one.remember({});
  one.forget_removed({});
  EXPECT_TRUE(one.is(made('a', "web"))) << "it may start again";
}

TEST(Followed, OfAComposeServiceItIsEveryOneOfTheService) {
  const Followed web("shop_web_1", composed('a', "shop_web_1"));
  EXPECT_TRUE(web.is(composed('b', "shop_web_2")));
  containers::Container db = composed('c', "shop_db_1");
  db.labels[containers::kServiceLabel] = "db";
  EXPECT_FALSE(web.is(db));
  containers::Container claimed = made('d', "claimed");
  claimed.image_labels = composed('d', "").labels;
  EXPECT_FALSE(web.is(claimed)) << "an image says so, nobody else";
  EXPECT_EQ(web.label(), "service web of shop");
}

}  // namespace
}  // namespace nxgate::attach
