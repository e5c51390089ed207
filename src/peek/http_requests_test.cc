#include "peek/http_requests.h"

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "peek/http_head.h"
#include "peek/requests_fixture.h"
#include "peek/server_name.h"

namespace nxgate::peek {
namespace {

using Step = HttpRequests::Step;
using Hosts = std::vector<std::string>;

/// The same at once, by single octets, and by sevens.
Passed passed(std::string_view all, bool switches = false) {
  const Passed at_once = pass(all, all.size(), switches);
  for (const std::size_t size : {1U, 7U}) {
    const Passed split = pass(all, size, switches);
    EXPECT_EQ(split.end, at_once.end) << all;
    EXPECT_EQ(split.hosts, at_once.hosts) << all;
    EXPECT_EQ(split.out, at_once.out) << all;
    EXPECT_EQ(split.refusal.reason, at_once.refusal.reason) << all;
  }
  return at_once;
}

/// What goes on of a connection that isn't refused.
std::string out_of(std::string_view all) {
  const Passed at_once = passed(all);
  EXPECT_EQ(at_once.end, Step::kMore) << at_once.refusal.reason << "\n" << all;
  return at_once.out;
}

TEST(HttpRequests, AreJudgedOneByOne) {
  const Passed three = passed(
      "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
      "POST /x HTTP/1.1\r\nHost: b.example:8080\r\nContent-Length: 5\r\n\r\nGET /"
      "GET /y HTTP/1.0\r\nHost: C.example.\r\n\r\n");
  EXPECT_EQ(three.end, Step::kMore);
  EXPECT_EQ(three.hosts, (Hosts{"a.example", "b.example", "C.example."}));
}

TEST(HttpRequests, NothingGoesOnBeforeItIsAllowed) {
  HttpRequests requests;
  std::string out;
  const std::string all = "GET / HTTP/1.1\r\nHost: a.example:81\r\n\r\nGET ";
  Bytes rest = bytes_of(all);
  EXPECT_EQ(requests.take(rest, out), Step::kJudge);
  EXPECT_EQ(rest.size(), 4U);
  EXPECT_EQ(requests.take(rest, out), Step::kJudge);
  EXPECT_EQ(out, "");
  EXPECT_EQ(requests.request().authority.port, 81);
  EXPECT_EQ(requests.request().authority.host.kind, ServerName::Kind::kName);
  EXPECT_EQ(requests.request().method, "GET");
  requests.allow(out);
  requests.allow(out);
  EXPECT_EQ(out, "GET / HTTP/1.1\r\nHost: a.example:81\r\n\r\n");
  EXPECT_EQ(requests.take(rest, out), Step::kMore);
}

TEST(HttpRequests, AddressesAreHostsToo) {
  EXPECT_EQ(passed("GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\nGET / HTTP/1.1\r\n"
                   "Host: [2001:db8::1]:80\r\n\r\n")
                .hosts,
            (Hosts{"192.0.2.1", "[2001:db8::1]"}));
}

TEST(HttpRequests, ComeBackAsTheyWereRead) {
  for (const std::string_view same :
       {"GET /a?b=c&d=%20|{}\"\\^` HTTP/1.1\r\nHost: a.example\r\nUser-Agent: x/1 (y; z)\r\n\r\n",
        "GET //a/../b HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "M-SEARCH / HTTP/1.1\r\nHost: a.example\r\nX: caf\xc3\xa9\r\nEmpty: \r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "HEAD / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: "
        "3\r\n\r\na\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\n\r\n0\r\na\r\n0123456789\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nProxy-Connection: close\r\nProxy-Authorization: "
        "x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n"}) {
    EXPECT_EQ(out_of(same), same);
  }
}

struct Rewritten {
  std::string_view in;
  std::string_view out;
};

TEST(HttpRequests, AreWrittenAnew) {
  for (const auto& [in, out] : std::initializer_list<Rewritten>{
           {"GET http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "GET /x?y HTTP/1.1\r\nHost: a.example\r\n\r\n"},
           {"GET HTTP://A.example:80?y HTTP/1.1\r\nhost:a.example\r\n\r\n",
            "GET /?y HTTP/1.1\r\nhost: a.example\r\n\r\n"},
           {"GET http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"},
           {"OPTIONS http://[::1]:8080 HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"},
           {"GET / HTTP/1.1\r\nHost: \t a.example \t\r\nA:b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.example\r\nA: b\r\n\r\n"},
           {"GET / HTTP/1.1\r\nConnection: Close, X-A\r\nX-A: 1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nX-A: 1\r\nHost: a\r\nConnection: close\r\n\r\n"},
           {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\nConnection: TE, keep-alive\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, te\r\n\r\n"},
           {"PUT / HTTP/1.1\r\nContent-Length: 0003\r\nHost: a\r\n\r\nabc",
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"},
           {"PUT / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n"
            "00A\r\n0123456789\r\n00\r\n\r\n",
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "a\r\n0123456789\r\n0\r\n\r\n"},
           {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            "HTTP2-Settings: AAMAAABk\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n"}}) {
    EXPECT_EQ(out_of(in), out);
    EXPECT_EQ(out_of(out), out);
  }
}

TEST(HttpRequests, UpgradesToWebsocketWaitForTheAnswer) {
  const std::string ask =
      "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Connection: keep-alive, upgrade\r\n\r\n";
  const std::string hidden = "GET /x HTTP/1.1\r\nHost: b\r\n\r\n";
  HttpRequests requests;
  std::string out;
  const std::string all = ask + hidden;
  Bytes rest = bytes_of(all);
  EXPECT_EQ(requests.take(rest, out), Step::kJudge);
  requests.allow(out);
  EXPECT_EQ(out, ask);
  EXPECT_EQ(requests.take(rest, out), Step::kAnswer);
  EXPECT_EQ(rest.size(), hidden.size());

  const Passed declined = passed(all);
  EXPECT_EQ(declined.hosts, (Hosts{"a", "b"}));
  EXPECT_EQ(declined.out, all);
  const Passed switched = passed(ask + "\x81\x05hello", true);
  EXPECT_EQ(switched.end, Step::kSwitched);
  EXPECT_EQ(switched.out, ask + "\x81\x05hello");
}

TEST(HttpRequests, OtherUpgradesGoNoFurther) {
  const std::string first = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::string_view head :
       {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket, h2c\r\nConnection: upgrade\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n"
        "Connection: upgrade\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"}) {
    EXPECT_EQ(out_of(head), first);
  }
  const std::string later =
      "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
      "Connection: upgrade\r\n\r\n";
  EXPECT_EQ(out_of(first + later), first + first);
  EXPECT_EQ(out_of("POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                   "Content-Length: 1\r\n\r\nx"),
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(
      out_of("GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"),
      "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
}

TEST(HttpRequests, HeadsHaveALimit) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string fits =
      begin + std::string(HttpHead::kLongest - begin.size() - 4, 'x') + "\r\n\r\n";
  EXPECT_EQ(passed(fits).end, Step::kMore);
  const Passed longer = passed(begin + std::string(HttpHead::kLongest, 'x'));
  EXPECT_EQ(longer.end, Step::kRefused);
  EXPECT_EQ(longer.refusal.status, 431U);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 127; ++i) many += "X: y\r\n";
  EXPECT_EQ(passed(many + "\r\n").end, Step::kMore);
  EXPECT_EQ(passed(many + "X: y\r\n\r\n").refusal.status, 431U);
}

TEST(HttpRequests, LargeBodiesPass) {
  const std::string body(1'000'000, 'x');
  const std::string head = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ";
  EXPECT_EQ(out_of(head + "1000000\r\n\r\n" + body), head + "1000000\r\n\r\n" + body);
  EXPECT_EQ(passed(head + "9223372036854775807\r\n\r\nx").end, Step::kMore);
  EXPECT_EQ(passed(head + "9223372036854775808\r\n\r\nx").end, Step::kRefused);
}

}  // namespace
}  // namespace nxgate::peek
