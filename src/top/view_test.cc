#include "top/view.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "top/layout.h"
#include "top/model.h"

namespace nxgate::top {
namespace {

using testing::HasSubstr;

std::string denied(std::string_view name, std::string_view client = "10.0.0.1") {
  return fmt::format(
      R"({{"client":"{}","name":"{}","type":"AAAA","policy":"ci","verdict":"denied","rule":"r"}})",
      client, name);
}

struct ViewTest : testing::Test {
  Model model;
  View view;

  Step press(Key key) { return view.press({key}, model); }
  Step type(std::string_view text) {
    Step step;
    for (const char c : text) step = view.press({Key::kCharacter, c}, model);
    return step;
  }
  std::string screen(Size size = {24, 80}) {
    std::string text;
    for (const Line& line : lay_out({}, view, model, size)) text += line.text + "\n";
    return text;
  }
};

TEST_F(ViewTest, AllowsTheNameThatWasAskedAboutAfterAYes) {
  model.add(denied("bad.test"));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(type("a")));
  EXPECT_EQ(view.prompt(), "allow =bad.test in the policy ci for 10 minutes? (y/n)");
  for (int i = 0; i < 5; ++i) model.add(denied("other.test"));
  const Step step = type("y");
  const auto& inquiry = std::get<Inquiry>(step);
  EXPECT_EQ(inquiry.method, "POST");
  EXPECT_EQ(
      inquiry.body,
      R"({"action":"allow","rule":"=bad.test","policy":"ci","why":"nxgate top","for":"10m"})");
}

TEST_F(ViewTest, ExplainsARefusedConnection) {
  model.add(
      R"({"event":"connection","what":"denied","client":"10.0.0.1","server":"[2001:db8::7]:443",)"
      R"("verdict":"not-told","name":"a.test","policy":"ci"})");
  EXPECT_THAT(screen(), HasSubstr(":443 not-told"));
  const Step step = type("e");
  const auto& inquiry = std::get<Inquiry>(step);
  EXPECT_EQ(inquiry.target.path, "/v1/explain/connection");
  EXPECT_EQ(inquiry.target.query.at("connect"), "a.test:443");
  EXPECT_EQ(inquiry.target.query.at("address"), "2001:db8::7");
  EXPECT_EQ(inquiry.target.query.at("client"), "10.0.0.1");
}

TEST_F(ViewTest, ShowsAQuestionWholeAndTheEndOfALongName) {
  model.add(denied(fmt::format("{:x<150}.example.test", "")));
  type("a");
  EXPECT_THAT(screen(), HasSubstr(fmt::format("~{:x<18}.example.test 10.0.0.1", "")));
  EXPECT_THAT(screen(), HasSubstr("in the policy ci for 10 minutes? (y/n)\nq quit"));
}

TEST_F(ViewTest, ChangesNothingWithoutAYes) {
  model.add(denied("bad.test"));
  for (const char letter : {'a', 'A', 'd'}) {
    type(std::string(1, letter));
    EXPECT_TRUE(std::holds_alternative<std::monostate>(type("q")));
    EXPECT_EQ(view.prompt(), "nothing was changed");
    type(std::string(1, letter));
    EXPECT_TRUE(std::holds_alternative<std::monostate>(press(Key::kEnter)));
  }
  EXPECT_TRUE(std::holds_alternative<Quit>(type("q")));
}

TEST_F(ViewTest, SavesAndDenies) {
  model.add(denied("bad.test"));
  const Step saved = type("Ay");
  EXPECT_THAT(std::get<Inquiry>(saved).body, HasSubstr(R"("save":true)"));
  const Step deny = type("dy");
  EXPECT_THAT(std::get<Inquiry>(deny).body, HasSubstr(R"("action":"deny","rule":"=bad.test")"));
}

TEST_F(ViewTest, MakesNoRuleOfWhatIsNoPlainName) {
  for (const char* name : {"*.com", "a\\\\032force", "x:443", "a#b", "."}) {
    model.reset();
    model.add(denied(name));
    EXPECT_TRUE(std::holds_alternative<std::monostate>(type("ay"))) << name;
  }
}

TEST_F(ViewTest, KeepsALineChosenWhileTheOrderChanges) {
  model.add(denied("a.test"));
  model.add(denied("b.test"));
  press(Key::kDown);
  for (int i = 0; i < 3; ++i) model.add(denied("b.test"));
  const auto rows = view.names(model);
  EXPECT_EQ(view.chosen(rows), 0U);
  EXPECT_EQ(rows[0].last->name, "b.test");
}

TEST_F(ViewTest, FiltersByAPartOfAName) {
  model.add(denied("ads.test"));
  model.add(denied("mail.test"));
  type("/Ads");
  EXPECT_EQ(view.names(model).size(), 1U);
  press(Key::kBackspace);
  type("z");
  EXPECT_TRUE(view.names(model).empty());
  press(Key::kEscape);
  EXPECT_EQ(view.names(model).size(), 2U);
}

TEST_F(ViewTest, ShowsOneClientAndAllAgain) {
  model.add(denied("a.test", "10.0.0.1"));
  model.add(denied("b.test", "10.0.0.2"));
  press(Key::kTab);
  press(Key::kDown);
  type("c");
  EXPECT_EQ(view.client(), "10.0.0.2");
  EXPECT_EQ(view.names(model).size(), 1U);
  type("c");
  EXPECT_EQ(view.names(model).size(), 2U);
}

TEST_F(ViewTest, ExplainsAsTheLastClientWouldSeeIt) {
  model.add(denied("bad.test", "10.0.0.2"));
  const Step step = type("e");
  const auto& query = std::get<Inquiry>(step).target.query;
  EXPECT_EQ(query.at("name"), "bad.test");
  EXPECT_EQ(query.at("type"), "AAAA");
  EXPECT_EQ(query.at("client"), "10.0.0.2");
  view.answer(std::string(R"({"name":"bad.test","rule":"none \u001b of these"})"));
  EXPECT_THAT(screen(), HasSubstr("rule     none \\x1b of these\n"));
  press(Key::kDown);
  EXPECT_TRUE(view.pane().empty());
}

TEST_F(ViewTest, TellsWhatTheServerRefuses) {
  view.answer(fail("nothing to save to"));
  EXPECT_EQ(view.prompt(), "nothing to save to");
  view.answer(fail("it broke\noff"));
  EXPECT_EQ(view.prompt(), "it broke\\x0aoff");
  for (const char* body : {"", "[1]", "{", "null"}) view.answer(std::string(body));
}

TEST_F(ViewTest, FitsAnyScreen) {
  for (int i = 0; i < 300; ++i) model.add(denied(fmt::format("{}.{:x<200}.test", i, "")));
  for (int i = 0; i < 200; ++i) press(Key::kDown);
  view.answer(std::string(fmt::format(R"({{"rule":"{:ä<300}"}})", "")));
  for (const bool pane : {true, false}) {
    EXPECT_EQ(pane, !view.pane().empty());
    for (std::size_t rows = 0; rows < 30; ++rows) {
      for (std::size_t columns = 0; columns < 120; columns += 7) {
        const auto lines = lay_out({}, view, model, {rows, columns});
        EXPECT_EQ(lines.size(), rows);
        for (const Line& line : lines) {
          const auto characters = std::ranges::count_if(
              line.text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; });
          EXPECT_LE(static_cast<std::size_t>(characters), columns) << line.text;
        }
      }
    }
    press(Key::kEscape);
  }
  EXPECT_THAT(screen(), HasSubstr("r reset\n"));
  EXPECT_THAT(screen(), HasSubstr("\n>         1 "));
}

}  // namespace
}  // namespace nxgate::top
