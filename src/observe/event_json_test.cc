#include "observe/event_json.h"

#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "base/clock.h"
#include "engine/connection.h"
#include "engine/connection_event.h"
#include "engine/observer.h"
#include "observe/choice.h"
#include "observe/filter.h"
#include "policy/policy.h"
#include "wire/name.h"

namespace nxgate::observe {
namespace {

using engine::ConnectionEvent;
using engine::ConnectionVerdict;
using testing::HasSubstr;
using testing::Not;

struct ConnectionEventTest : testing::Test {
  ConnectionEventTest() {
    policy.name = "ci";
    policy.container = "web";
    told.number = 7;
    told.policy = "ci";
    told.place = "web";
    told.client = Endpoint::parse("10.0.0.2:40000", 0).value();
    told.to = Endpoint::parse("203.0.113.7:443", 0).value();
    told.name = "bad.test";
    told.verdict = ConnectionVerdict::kNameDenied;
    told.rule = "default";
    told.why = "the name isn't allowed";
  }

  [[nodiscard]] engine::Event event() const {
    engine::Event event;
    event.client = told.client;
    event.judgement.policy = &policy;
    if (const auto name = wire::DomainName::from_text(told.name)) event.question.name = *name;
    event.connection = std::make_shared<const ConnectionEvent>(told);
    return event;
  }

  policy::Policy policy;
  ConnectionEvent told;
};

TEST_F(ConnectionEventTest, TellsADenialWithItsReason) {
  EXPECT_THAT(to_json(event()),
              HasSubstr(R"("client":"10.0.0.2","port":40000,"event":"connection","what":"denied",)"
                        R"("number":7,"server":"203.0.113.7:443","verdict":"name-denied",)"
                        R"("name":"bad.test","rule":"default","why":"the name isn't allowed",)"
                        R"("policy":"ci","container":"web"})"));
}

TEST_F(ConnectionEventTest, TellsAnEndWithWhatWasMoved) {
  told.kind = ConnectionEvent::Kind::kEnded;
  told.sent = 12;
  told.received = 5'000'000'000;
  told.lasted = Milliseconds(1500);
  EXPECT_THAT(to_json(event()), HasSubstr(R"("sent":12,"received":5000000000,"ms":1500})"));
}

TEST_F(ConnectionEventTest, TellsOfAnEncryptedHelloIfThereIsOne) {
  EXPECT_THAT(to_json(event()), Not(HasSubstr("encrypted_hello")));
  told.encrypted_hello = true;
  EXPECT_THAT(to_json(event()), HasSubstr(R"("encrypted_hello":true)"));
}

TEST_F(ConnectionEventTest, ShowsNothingOfAHashedClient) {
  EXPECT_THAT(to_json(event(), "0123"), HasSubstr(R"("client":"0123")"));
  EXPECT_THAT(to_json(event(), "0123"), Not(HasSubstr("web")));
}

TEST_F(ConnectionEventTest, EscapesWhatIsNoName) {
  told.name = "a\"\xff\n b";
  EXPECT_THAT(to_json(event()), HasSubstr(R"("name":"a\"\\xff\\x0a\\x20b")"));
}

TEST_F(ConnectionEventTest, IsSelectedLikeAQuestion) {
  EXPECT_TRUE(filter_of({.denied = true})(event()));
  EXPECT_TRUE(filter_of({.container = "web", .policy = "ci"})(event()));
  EXPECT_FALSE(filter_of({.policy = "other"})(event()));
  Selection below;
  below.name = wire::DomainName::from_text("test").value();
  EXPECT_TRUE(filter_of(below)(event()));
  below.name = wire::DomainName::from_text("good.test").value();
  EXPECT_FALSE(filter_of(below)(event()));
  told.kind = ConnectionEvent::Kind::kOpened;
  EXPECT_FALSE(filter_of({.denied = true})(event()));
}

TEST_F(ConnectionEventTest, IsFirstSeenOnceForEachResult) {
  Choice choice({.which = LoggedQueries::kFirstSeen});
  EXPECT_TRUE(choice.takes(event()));
  EXPECT_FALSE(choice.takes(event()));
  told.kind = ConnectionEvent::Kind::kOpened;
  EXPECT_TRUE(choice.takes(event()));
  told.kind = ConnectionEvent::Kind::kEnded;
  EXPECT_FALSE(choice.takes(event()));
}

TEST_F(ConnectionEventTest, IsSampledWithItsEnd) {
  Choice choice({.sample = 7});
  EXPECT_TRUE(choice.takes(event()));
  told.kind = ConnectionEvent::Kind::kEnded;
  EXPECT_TRUE(choice.takes(event()));
  told.number = 8;
  EXPECT_FALSE(choice.takes(event()));
}

}  // namespace
}  // namespace nxgate::observe
