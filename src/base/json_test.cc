#include "base/json.h"

#include <limits>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace nxgate {
namespace {

namespace json = boost::json;

TEST(JsonText, HasNumbersAsPeopleWriteThem) {
  EXPECT_EQ(json_text(0.0), "0");
  EXPECT_EQ(json_text(0.205), "0.205");
  EXPECT_EQ(json_text(-1234567.5), "-1234567.5");
  EXPECT_EQ(json_text(std::numeric_limits<double>::infinity()), "null");
}

TEST(JsonText, IsReadBackAsWhatItWas) {
  const json::value value{{"text", "a \"b\"\n\x01\x7f"},
                          {"list", json::array{1, -2, 0.5, nullptr, true}},
                          {"none", json::array{}},
                          {"k\"ey", json::object{{"large", 1e300}, {"small", 1e-300}}}};
  EXPECT_EQ(json::parse(json_text(value)), value);
  EXPECT_EQ(json_text(json::object{{"a", 1}, {"b", json::array{"x", 2.5}}}),
            R"({"a":1,"b":["x",2.5]})");
}

}  // namespace
}  // namespace nxgate
