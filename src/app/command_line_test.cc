#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/options.h"
#include "config/memory_files.h"
#include "config/settings.h"
#include "policy/policy.h"
#include "store/settings_source.h"

namespace nxgate::app {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::variant<cli::Options, cli::EarlyExit> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "nxgate");
  return cli::parse_command_line(static_cast<int>(words.size()), words.data());
}

cli::Options options_of(std::vector<const char*> words) {
  auto parsed = parse(std::move(words));
  if (const auto* const early = std::get_if<cli::EarlyExit>(&parsed)) {
    ADD_FAILURE() << early->text;
    return {};
  }
  return std::get<cli::Options>(parsed);
}

cli::EarlyExit early_exit_of(std::vector<const char*> words) {
  auto parsed = parse(std::move(words));
  if (std::holds_alternative<cli::Options>(parsed)) {
    ADD_FAILURE() << "was understood";
    return {};
  }
  return std::get<cli::EarlyExit>(parsed);
}

class SettingsSourceTest : public testing::Test {
 protected:
  store::LoadedSettings load(std::vector<const char*> words) {
    return store::load_settings(options_of(std::move(words)), files_);
  }
  std::vector<std::string> faults_of(std::vector<const char*> words) {
    std::vector<std::string> lines;
    for (const Fault& fault : load(std::move(words)).faults) lines.push_back(to_string(fault));
    return lines;
  }

  config::MemoryFiles files_;
};

TEST_F(SettingsSourceTest, ServeAloneDeniesEverythingOnLoopback) {
  const store::LoadedSettings loaded = load({"serve"});
  EXPECT_THAT(loaded.faults, IsEmpty());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_EQ(loaded.settings.server.listen.size(), 2U);
  EXPECT_EQ(loaded.settings.policies.at(0).rules.size(), 0U);
}

TEST_F(SettingsSourceTest, OptionsBecomeSettings) {
  files_.files["/h"] = "10.0.0.9 box.test\n";
  const store::LoadedSettings loaded = load({"serve",
                                             "--listen",
                                             "127.0.0.1:5353",
                                             "--listen",
                                             "[::1]:5353@web",
                                             "--allow",
                                             "a.example,=b.example",
                                             "--allow",
                                             "*.c.example",
                                             "--deny",
                                             "x.a.example",
                                             "--preset",
                                             "npm,go",
                                             "--hosts",
                                             "/h",
                                             "--record",
                                             "db.test TXT a,b",
                                             "--upstream",
                                             "1.1.1.1@app",
                                             "--upstream",
                                             "tcp://9.9.9.9@app",
                                             "--workers",
                                             "2",
                                             "--user",
                                             "dns",
                                             "--on-upstream-failure",
                                             "nxdomain"});
  ASSERT_THAT(loaded.faults, IsEmpty());
  const config::Settings& settings = loaded.settings;
  ASSERT_EQ(settings.server.listen.size(), 2U);
  EXPECT_EQ(settings.server.listen[1].netns, "web");
  EXPECT_EQ(settings.server.workers, 2U);
  EXPECT_EQ(settings.server.user, "dns");
  const config::PolicySettings& policy = settings.policies.at(0);
  EXPECT_EQ(policy.rules.size(), 4U + 2U + 2U);
  EXPECT_EQ(policy.local.size(), 3U);
  EXPECT_EQ(policy.on_upstream_failure, policy::FailureReply::kNxDomain);
  ASSERT_EQ(settings.upstreams.size(), 1U);
  EXPECT_EQ(settings.upstreams[0].netns, "app");
  ASSERT_EQ(settings.upstreams[0].servers.size(), 2U);
  EXPECT_TRUE(settings.upstreams[0].servers[1].tcp_only);
  EXPECT_THAT(loaded.watched, ElementsAre("/h"));
}

TEST_F(SettingsSourceTest, FaultsNameTheOption) {
  EXPECT_THAT(faults_of({"serve", "--upstream", "1.1.1.1@a", "--upstream", "1.1.1.2@b"}),
              ElementsAre(HasSubstr("expected the network namespace of the servers before it")));
  EXPECT_THAT(faults_of({"serve", "--hosts", "/none"}),
              ElementsAre("--hosts: \"/none\": no such file"));
  EXPECT_THAT(faults_of({"check", "/none.toml"}), ElementsAre("/none.toml: no such file"));
  EXPECT_THAT(faults_of({"forward", "--listen", "127.0.0.1:5353", "--to", "127.0.0.1:5353"}),
              ElementsAre(StartsWith("--to: \"127.0.0.1:5353\" is nxgate itself")));
}

TEST_F(SettingsSourceTest, ForwardAllowsEverythingOrOnlyWhatItIsTold) {
  const store::LoadedSettings all =
      load({"forward", "--listen", "127.0.0.1:5353@/run/netns/vpn", "--to", "10.9.0.53@app"});
  ASSERT_THAT(all.faults, IsEmpty());
  ASSERT_EQ(all.settings.policies.at(0).rules.size(), 1U);
  EXPECT_TRUE(all.settings.policies[0].rules.standing().at(0).name.is_root());
  const store::LoadedSettings some = load({"forward", "--to", "10.9.0.53", "--only", "a.b", "c.d"});
  ASSERT_THAT(some.faults, IsEmpty());
  EXPECT_EQ(some.settings.policies.at(0).rules.size(), 2U);
}

TEST_F(SettingsSourceTest, ServerOptionsGoBeforeTheFile) {
  files_.files["/n.toml"] =
      "[server]\nlisten = [\"127.0.0.1:53\"]\nworkers = 4\n"
      "[policies.default]\nhosts-files = [\"hosts\"]\n";
  files_.files["/hosts"] = "10.0.0.9 box.test\n";
  const store::LoadedSettings loaded =
      load({"serve", "--config", "/n.toml", "--listen", "127.0.0.1:5353", "--user", "dns"});
  ASSERT_THAT(loaded.faults, IsEmpty());
  ASSERT_EQ(loaded.settings.server.listen.size(), 1U);
  EXPECT_EQ(loaded.settings.server.listen[0].endpoint.port, 5353);
  EXPECT_EQ(loaded.settings.server.workers, 4U);
  EXPECT_THAT(loaded.watched, ElementsAre("/n.toml", "/hosts"));
}

TEST(CommandLine, ValuesThatAnOptionCannotHaveAreUsageErrors) {
  const auto told = [](std::vector<const char*> words) {
    const cli::EarlyExit early = early_exit_of(std::move(words));
    EXPECT_EQ(early.status, cli::kUsage);
    return early.text;
  };
  EXPECT_THAT(told({"serve", "--allow", "com"}), StartsWith("--allow: `com`"));
  EXPECT_THAT(told({"serve", "--listen", "nowhere/53"}),
              StartsWith("--listen: \"nowhere/53\": expected"));
  EXPECT_THAT(told({"serve", "--workers", "many"}), StartsWith("--workers: \"many\": expected"));
}

TEST(CommandLine, MistakesAreUsageErrors) {
  EXPECT_EQ(early_exit_of({}).status, cli::kUsage);
  EXPECT_EQ(early_exit_of({"sevre"}).status, cli::kUsage);
  EXPECT_EQ(early_exit_of({"serve", "--lisen", "x"}).status, cli::kUsage);
  EXPECT_EQ(early_exit_of({"forward"}).status, cli::kUsage);
  EXPECT_EQ(early_exit_of({"help", "sevre"}).status, cli::kUsage);
  const cli::EarlyExit mixed = early_exit_of({"serve", "--config", "n.toml", "--allow", "a.b"});
  EXPECT_EQ(mixed.status, cli::kUsage);
  EXPECT_EQ(mixed.text, "--allow and --config cannot be combined; set it in n.toml\n");
}

TEST(CommandLine, HelpAndVersionAreNoMistakes) {
  EXPECT_EQ(early_exit_of({"--version"}).text, "nxgate " NXGATE_VERSION "\n");
  EXPECT_EQ(early_exit_of({"--help"}).status, cli::kSuccess);
  EXPECT_THAT(early_exit_of({"--help"}).text, HasSubstr("Exit status:"));
  EXPECT_THAT(early_exit_of({"help", "serve"}).text, HasSubstr("--allow"));
  EXPECT_EQ(early_exit_of({"help", "serve"}).status, cli::kSuccess);
  EXPECT_THAT(early_exit_of({"help", "learn", "start"}).text,
              AllOf(HasSubstr("nxgate learn start [OPTIONS]"), HasSubstr("--policy")));
  EXPECT_EQ(early_exit_of({"help", "learn", "sart"}).status, cli::kUsage);
}

TEST(CommandLine, VerbosityIsCounted) {
  EXPECT_EQ(options_of({"serve"}).verbosity, 0);
  EXPECT_EQ(options_of({"serve", "-v"}).verbosity, 1);
  EXPECT_EQ(options_of({"serve", "-vv"}).verbosity, 2);
}

TEST(CommandLine, ExplainTakesItsNameAnywhere) {
  const cli::Options options =
      options_of({"explain", "--allow", "a.b", "www.a.b", "--type", "AAAA", "--client", "::1"});
  EXPECT_EQ(options.name, "www.a.b");
  EXPECT_EQ(options.type, "AAAA");
  EXPECT_EQ(options.client, "::1");
}

}  // namespace
}  // namespace nxgate::app
