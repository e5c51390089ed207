#include "peek/upgrade_answer.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "peek/http_refusal.h"
#include "peek/requests_fixture.h"

namespace nxgate::peek {
namespace {

using State = UpgradeAnswer::State;

State answer(std::string_view text) {
  UpgradeAnswer at_once;
  UpgradeAnswer split;
  for (const std::uint8_t& octet : bytes_of(text)) split.read({&octet, 1});
  EXPECT_EQ(at_once.read(bytes_of(text)), split.state()) << text;
  return at_once.state();
}

TEST(UpgradeAnswer, SaysWhetherItIsGranted) {
  EXPECT_EQ(answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x01x"),
            State::kSwitched);
  EXPECT_EQ(answer("HTTP/1.1 101\r\n\r\n"), State::kSwitched);
  EXPECT_EQ(answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), State::kDeclined);
  EXPECT_EQ(answer("HTTP/1.0 426 Upgrade Required\r\n\r\nHTTP/1.1 101 x\r\n\r\n"),
            State::kDeclined);
}

TEST(UpgradeAnswer, WaitsForTheFinalOne) {
  EXPECT_EQ(answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"), State::kMore);
  EXPECT_EQ(answer("HTTP/1.1 100 Continue\r\n\r\n"), State::kMore);
  EXPECT_EQ(answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 x\r\n\r\n"),
            State::kSwitched);
  EXPECT_EQ(answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 x\r\n\r\n"), State::kDeclined);
}

TEST(UpgradeAnswer, AnythingElseIsBroken) {
  for (const char* text :
       {"HTTP/2.0 101 x\r\n\r\n", "HTTP/1.1 1010 x\r\n\r\n", "HTTP/1.1 10\r\n\r\n",
        "HTTP/1.1  101 x\r\n\r\n", "HTTP/1.1 001 x\r\n\r\n", "HTTP/1.1 600 x\r\n\r\n",
        "HTTP/1.1 101 x\n\n", "HTTP/1.1 200 x\r\n y\r\n\r\n", "junk\r\n", "\r\n"}) {
    EXPECT_EQ(answer(text), State::kBroken) << text;
  }
  std::string interim;
  for (int i = 0; i < 101; ++i) interim += "HTTP/1.1 100 x\r\n\r\n";
  EXPECT_EQ(answer(interim), State::kBroken);
}

TEST(RefusalResponse, IsWholeAndOneLine) {
  EXPECT_EQ(refusal_response(403, "no\r\nX: y"),
            "HTTP/1.1 403 Forbidden by nxgate\r\nConnection: close\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 15\r\n\r\n"
            "no\\x0d\\x0aX: y\n");
  const std::string to_head = refusal_response(405, "CONNECT", true);
  EXPECT_TRUE(to_head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_TRUE(to_head.ends_with("Content-Length: 8\r\n\r\n"));
}

}  // namespace
}  // namespace nxgate::peek
