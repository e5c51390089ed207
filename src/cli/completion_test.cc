#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command_tree.h"

namespace nxgate::cli {
namespace {

using testing::HasSubstr;

/// A command whose texts have what means something in one shell or another.
CommandNode program() {
  Parameter option;
  option.names = {"--key"};
  option.value = "KEY[:V]";
  option.kind = ValueKind::kText;
  option.help = R"(isn't [so]: \ or `x`)";
  CommandNode run{"nxgate run", "don't: stop", {option}, {}, {}};
  return {"nxgate", "", {}, {}, {run}};
}

TEST(Completion, QuotesForZsh) {
  const std::string script = zsh_completion(program());
  EXPECT_THAT(script, HasSubstr(R"('(--key)--key=[isn'\''t \[so\]: \\ or `x`]:KEY[\:V]: ')"));
  EXPECT_THAT(script, HasSubstr(R"('run:don'\''t\: stop')"));
}

TEST(Completion, QuotesForFish) {
  const std::string script = fish_completion(program());
  EXPECT_THAT(script, HasSubstr(R"(-l key -x -d 'isn\'t [so]: \\ or `x`')"));
  EXPECT_THAT(script, HasSubstr(R"(-a run -d 'don\'t: stop')"));
}

TEST(Completion, BashKnowsWhatTakesAValue) {
  EXPECT_THAT(bash_completion(program()), HasSubstr("valued='--key' ;;"));
}

}  // namespace
}  // namespace nxgate::cli
