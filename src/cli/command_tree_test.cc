#include "cli/command_tree.h"

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nxgate::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

struct Program {
  CLI::App app{"what it is", "program"};
  std::string text;
  std::vector<std::string> texts;
  int count = 0;
};

TEST(CommandTree, AValueIsWhatItIsCalled) {
  Program program;
  CLI::App* const command = program.app.add_subcommand("run", "do it");
  command->add_option("-f,--file", program.text)->type_name("LOG_FILE");
  command->add_option("--dir", program.texts)->type_name("DIR");
  command->add_option("--how", program.text, "the way")->type_name("fast|slow")->required();
  command->add_flag("-v", program.count);
  command->add_option("--preset", program.texts)->type_name("PRESET");
  command->add_option("PATH", program.text);
  const CommandNode node = read_commands(program.app).commands.at(0);
  EXPECT_EQ(node.path, "program run");
  EXPECT_EQ(node.name(), "run");

  const Parameter& file = node.options.at(1);  // after --help
  EXPECT_THAT(file.names, ElementsAre("-f", "--file"));
  EXPECT_EQ(file.kind, ValueKind::kFile);
  EXPECT_FALSE(file.repeatable);
  EXPECT_EQ(node.options.at(2).kind, ValueKind::kDirectory);
  EXPECT_TRUE(node.options.at(2).repeatable);
  EXPECT_THAT(node.options.at(3).words, ElementsAre("fast", "slow"));
  EXPECT_TRUE(node.options.at(3).required);
  EXPECT_EQ(node.options.at(4).kind, ValueKind::kNone);
  EXPECT_TRUE(node.options.at(4).repeatable);
  EXPECT_EQ(node.options.at(5).kind, ValueKind::kWord);
  EXPECT_THAT(node.options.at(5).words, Contains("npm"));
  EXPECT_EQ(node.arguments.at(0).kind, ValueKind::kFile);
  EXPECT_EQ(node.arguments.at(0).value, "PATH");
}

TEST(CommandTree, WhatIsHiddenIsNotThere) {
  Program program;
  program.app.add_subcommand("secret", "")->group("");
  CLI::App* const open = program.app.add_subcommand("open", "");
  open->add_option("--secret", program.text)->group("");
  open->add_subcommand("below", "");
  program.app.add_subcommand("help", "")->add_option("SUBCOMMAND", program.text);
  const CommandNode root = read_commands(program.app);
  std::vector<std::string> paths;
  for (const CommandNode* node : flatten(root)) paths.push_back(node->path);
  EXPECT_THAT(paths, ElementsAre("program", "program open", "program open below", "program help"));
  EXPECT_EQ(root.commands.at(0).options.size(), 1) << "--help";
  EXPECT_THAT(root.commands.at(1).arguments.at(0).words, ElementsAre("open", "help"));
  EXPECT_THAT(root.arguments, IsEmpty());
}

}  // namespace
}  // namespace nxgate::cli
