// Connections that say a name by HTTP.
#include <string>

#include <gtest/gtest.h>

#include "peek/hello_fixture.h"
#include "policy/connection_checks.h"
#include "relay/relay_fixture.h"

namespace nxgate::relay {
namespace {

using peek::Octets;

class HttpRelayTest : public RelayThreadTest {
 protected:
  HttpRelayTest() {
    where_ = policy::NameIn::kHttp;
    publish({"good.test"});
  }
};

Octets get(const std::string& host) {
  return peek::octets("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
}

TEST_F(HttpRelayTest, EachRequestIsJudgedAndARefusalComesBehindWhatIsOwed) {
  Peer client = this->client();
  client.send(get("good.test"));
  Peer server = accepted();
  EXPECT_EQ(server.read(get("good.test").size()), get("good.test"));
  client.send(get("bad.test"));
  EXPECT_EQ(server.read(1).size(), 0U) << "an end: nothing more comes";
  server.send(peek::octets("HTTP/1.1 204 No Content\r\n\r\n"));
  server.end();
  const Octets said = client.read(100'000);
  const std::string text(said.begin(), said.end());
  EXPECT_EQ(text.find("HTTP/1.1 204"), 0U);
  EXPECT_NE(text.find("HTTP/1.1 403"), std::string::npos);
  wait_until_all_are_gone();
}

TEST_F(HttpRelayTest, AClientMayEndBehindItsRequest) {
  Peer client = this->client();
  client.send(get("good.test"));
  client.end();
  Peer server = accepted();
  EXPECT_EQ(server.read(1000), get("good.test"));
  server.send({'x'});
  server.end();
  EXPECT_EQ(client.read(10), (Octets{'x'}));
  wait_until_all_are_gone();
}

}  // namespace
}  // namespace nxgate::relay
