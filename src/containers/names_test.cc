#include "containers/names.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "containers/container.h"

namespace nxgate::containers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

IpAddress address(std::string_view text) { return IpAddress::parse(text).value_or(IpAddress()); }

Membership member(const std::string& network, std::vector<IpAddress> addresses,
                  std::vector<std::string> names) {
  return {.network = network,
          .network_id = "id of " + network,
          .addresses = std::move(addresses),
          .names = std::move(names),
          .links = {}};
}

Container container(const std::string& name, std::vector<Membership> networks) {
  Container made;
  made.id = "id of " + name;
  made.name = name;
  made.running = true;
  made.networks = std::move(networks);
  return made;
}

/// `name=address,address` for each.
std::vector<std::string> in_words(const std::vector<NamedAddresses>& names) {
  std::vector<std::string> words;
  for (const NamedAddresses& named : names) {
    std::string word = named.name;
    char before = '=';
    for (const IpAddress& each : named.addresses) {
      word += before + each.to_string();
      before = ',';
    }
    words.push_back(word);
  }
  return words;
}

TEST(Names, NeighboursAndItselfBearEachNameAloneAndWithTheNetwork) {
  const Container web = container("web", {member("app", {address("172.18.0.2")}, {"web"})});
  const Container db =
      container("db", {member("app", {address("172.18.0.3"), address("fd00::3")}, {"db", "sql"})});
  EXPECT_THAT(
      in_words(names_for(web, {web, db})),
      ElementsAre("db=172.18.0.3,fd00::3", "db.app=172.18.0.3,fd00::3", "sql=172.18.0.3,fd00::3",
                  "sql.app=172.18.0.3,fd00::3", "web=172.18.0.2", "web.app=172.18.0.2"));
}

TEST(Names, ItselfIsIncludedEvenIfItIsNotAmongAll) {
  const Container web = container("web", {member("app", {address("172.18.0.2")}, {"web"})});
  EXPECT_THAT(in_words(names_for(web, {})), ElementsAre("web=172.18.0.2", "web.app=172.18.0.2"));
}

TEST(Names, WhoSharesNoNetworkHasNoName) {
  const Container web = container("web", {member("app", {address("172.18.0.2")}, {"web"})});
  const Container db = container("db", {member("other", {address("172.19.0.3")}, {"db"})});
  EXPECT_THAT(in_words(names_for(web, {web, db})),
              ElementsAre("web=172.18.0.2", "web.app=172.18.0.2"));
}

TEST(Names, NetworksAreComparedByIdNotByName) {
  const Container web = container("web", {member("app", {address("172.18.0.2")}, {"web"})});
  Container db = container("db", {member("app", {address("172.19.0.3")}, {"db"})});
  db.networks[0].network_id = "another one of that name";
  EXPECT_THAT(in_words(names_for(web, {db})), ElementsAre("web=172.18.0.2", "web.app=172.18.0.2"));
}

TEST(Names, AnAliasOfSeveralHasTheAddressesOfAllOnce) {
  const Membership one = member("app", {address("172.18.0.3")}, {"api"});
  const Membership two = member("app", {address("172.18.0.4")}, {"api", "api"});
  const Container first = container("one", {one});
  const Container second = container("two", {two});
  EXPECT_THAT(in_words(names_for(first, {second, first})),
              ElementsAre("api=172.18.0.3,172.18.0.4", "api.app=172.18.0.3,172.18.0.4"));
}

TEST(Names, TheDefaultBridgeHasNone) {
  const Container web = container("web", {member("bridge", {address("172.17.0.2")}, {"web"})});
  const Container db = container("db", {member("bridge", {address("172.17.0.3")}, {"db"})});
  EXPECT_THAT(names_for(web, {web, db}), IsEmpty());
  EXPECT_THAT(reverse_names_for(web, {web, db}), IsEmpty());
}

TEST(Names, WhoHasNoAddressYetHasNoName) {
  const Container web = container("web", {member("app", {}, {"web"})});
  EXPECT_THAT(names_for(web, {web}), IsEmpty());
}

TEST(Names, ALinkIsForOneContainerOnlyAndHidesOthers) {
  Container web = container("web", {member("app", {address("172.18.0.2")}, {"web"})});
  web.networks[0].links = {{.target = "db", .alias = "store"}, {.target = "away", .alias = "old"}};
  const Container db = container("db", {member("app", {address("172.18.0.3")}, {"db"})});
  const Container store =
      container("store", {member("app", {address("172.18.0.4")}, {"store", "old", "shop"})});
  EXPECT_THAT(in_words(names_for(web, {web, db, store})),
              ElementsAre("db=172.18.0.3", "db.app=172.18.0.3", "shop=172.18.0.4",
                          "shop.app=172.18.0.4", "store=172.18.0.3", "store.app=172.18.0.3",
                          "web=172.18.0.2", "web.app=172.18.0.2"));
  EXPECT_THAT(
      in_words(names_for(db, {web, store})),
      ElementsAre("db=172.18.0.3", "db.app=172.18.0.3", "old=172.18.0.4", "old.app=172.18.0.4",
                  "shop=172.18.0.4", "shop.app=172.18.0.4", "store=172.18.0.4",
                  "store.app=172.18.0.4", "web=172.18.0.2", "web.app=172.18.0.2"));
}

TEST(Names, ALinkFindsItsTargetByIdToo) {
  Container web = container("web", {member("app", {}, {"web"})});
  const Container db = container("db", {member("app", {address("172.18.0.3")}, {"0123456789ab"})});
  web.networks[0].links = {{.target = db.id, .alias = "a"},
                           {.target = "0123456789ab", .alias = "b"}};
  const std::vector<std::string> names = in_words(names_for(web, {db}));
  EXPECT_THAT(names, ::testing::IsSupersetOf({"a=172.18.0.3", "b=172.18.0.3"}));
}

TEST(Names, WhoSharesANamespaceSharesItsNames) {
  const Container web = container("web", {member("app", {address("172.18.0.2")}, {"web"})});
  Container side = container("side", {});
  side.network_mode = "container:" + web.id;
  EXPECT_EQ(names_for(side, {side, web}), names_for(web, {side, web}));
  EXPECT_EQ(reverse_names_for(side, {side, web}), reverse_names_for(web, {side, web}));
}

TEST(ReverseNames, AreTheContainersNameWithTheNetwork) {
  const Container web = container("web", {member("app", {address("172.18.0.2")}, {"www", "web"})});
  const Container db =
      container("db", {member("app", {address("172.18.0.3"), address("fd00::3")}, {"sql"}),
                       member("other", {address("172.19.0.3")}, {"db"})});
  EXPECT_THAT(reverse_names_for(web, {web, db}),
              ElementsAre(AddressName{address("172.18.0.2"), "web.app"},
                          AddressName{address("172.18.0.3"), "db.app"},
                          AddressName{address("fd00::3"), "db.app"}));
}

TEST(Names, OfASharedNetworkThoseOfOtherEnginesToo) {
  Container web = container("web", {member("overlay", {address("10.0.1.7")}, {"web"})});
  web.networks[0].network_id = "n1";
  const SharedNetwork::Member far{
      .names = {"far"}, .addresses = {address("10.0.1.8")}, .reverse_name = "far"};
  const SharedNetwork::Member service{
      .names = {"shop", "store"}, .addresses = {address("10.0.1.2")}, .reverse_name = {}};
  const std::vector<SharedNetwork> shared{{.id = "n1", .members = {far, service}, .fault = "half"},
                                          {.id = "n2", .members = {far}, .fault = {}}};
  EXPECT_THAT(in_words(names_for(web, {web}, shared)),
              ElementsAre("far=10.0.1.8", "far.overlay=10.0.1.8", "shop=10.0.1.2",
                          "shop.overlay=10.0.1.2", "store=10.0.1.2", "store.overlay=10.0.1.2",
                          "web=10.0.1.7", "web.overlay=10.0.1.7"));
  EXPECT_THAT(reverse_names_for(web, {web}, shared),
              ElementsAre(AddressName{address("10.0.1.7"), "web.overlay"},
                          AddressName{address("10.0.1.8"), "far.overlay"}));
  EXPECT_EQ(unknown_names(web, {web}, shared), "overlay: half");
  const SharedNetwork::Member of_stack{
      .names = {"app_db"}, .addresses = {address("10.0.1.9")}, .reverse_name = {}};
  const SharedNetwork::Member its_tasks{
      .names = {"tasks.app_db"}, .addresses = {address("10.0.1.10")}, .reverse_name = {}};
  web.labels[kStackLabel] = "app";
  EXPECT_THAT(in_words(names_for(web, {web},
                                 {{.id = "n1", .members = {of_stack, its_tasks}, .fault = {}}})),
              IsSupersetOf({"app_db=10.0.1.9", "db=10.0.1.9", "db.overlay=10.0.1.9",
                            "tasks.db=10.0.1.10", "tasks.app_db=10.0.1.10"}));
  web.networks[0].network_id = "n3";
  EXPECT_THAT(in_words(names_for(web, {web}, shared)),
              ElementsAre("web=10.0.1.7", "web.overlay=10.0.1.7"));
  EXPECT_EQ(unknown_names(web, {web}, shared), "");
}

}  // namespace
}  // namespace nxgate::containers
