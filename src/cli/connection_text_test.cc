#include "cli/connection_text.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/json.h"

namespace nxgate::cli {
namespace {

boost::json::object object(std::string_view text) { return parse_object(text).value(); }

TEST(ConnectionText, TellsADenial) {
  EXPECT_EQ(connection_text(object(R"({"server":"203.0.113.7:443","name":"bad.test",)"
                                   R"("why":"the name isn't allowed","rule":"default"})")),
            "connect  443   bad.test at 203.0.113.7:443 (the name isn't allowed, default)");
}

TEST(ConnectionText, TellsOfAnEncryptedHello) {
  EXPECT_EQ(connection_text(object(R"({"server":"203.0.113.7:443","name":"a.test","rule":"a.test",)"
                                   R"("encrypted_hello":true})")),
            "connect  443   a.test at 203.0.113.7:443 (a.test, with ECH)");
}

TEST(ConnectionText, TellsAnEnd) {
  EXPECT_EQ(connection_text(
                object(R"({"server":"[2001:db8::7]:80","sent":517,"received":1572864,"ms":2500})")),
            "connect  80    [2001:db8::7]:80 (517 B sent, 1.5 MiB received, 2.500 s)");
}

TEST(ConnectionText, ListsOpenOnesAsATable) {
  EXPECT_EQ(connections_text(object(R"({"connections":[]})")),
            "no connections whose names are checked are open\n");
  EXPECT_EQ(connections_text(object(
                R"({"connections":[{"client":"10.0.0.2:4000","server":"203.0.113.7:443",)"
                R"("name":"a.test","policy":"ci","seconds":3725.5,"sent":3,"received":2048}]})")),
            "CLIENT         NAME    SERVER           POLICY  CONTAINER  AGE      SENT  RECEIVED\n"
            "10.0.0.2:4000  a.test  203.0.113.7:443  ci      -          1:02:05  3 B   2.0 KiB\n");
}

}  // namespace
}  // namespace nxgate::cli
