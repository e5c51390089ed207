#include "config/keys.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "config/complete.h"
#include "config/context.h"
#include "config/load.h"
#include "config/memory_files.h"
#include "config/reading.h"
#include "config/settings.h"
#include "policy/exfiltration.h"

namespace nxgate::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Settings read(const std::string& text) {
  MemoryFiles files;
  Context context{files, ""};
  Settings settings = read_toml(text, "n.toml", context);
  for (const Fault& fault : context.faults) ADD_FAILURE() << to_string(fault);
  return settings;
}

/// A document in which each key of a section stands with its documented default.
std::string defaults_of(std::string_view section) {
  std::string text = fmt::format("[{}]\n", section);
  const std::vector<Key> all = keys();
  for (const Key& key : all) {
    std::string path = key.path;
    const auto star = path.find('*');
    if (star != std::string::npos) path.replace(star, 1, "x");
    if (!path.starts_with(std::string(section) + ".") || key.fallback == kRequired) continue;
    path = path.substr(section.size() + 1);
    const bool writable = path.find('.') == std::string::npos && key.fallback != R"("")";
    if (writable) text += fmt::format("{} = {}\n", path, key.fallback);
  }
  return text;
}

TEST(Keys, DocumentedDefaultsAreTheRealOnes) {
  Settings bare = read("");
  MemoryFiles files;
  Context context{files, ""};
  complete(context, bare);
  // An implied listener differs from a written one only in being skipped where there is no IPv6.
  for (Listener& listener : bare.server.listen) listener.implied = false;
  EXPECT_THAT(sealed_changes(bare, read(defaults_of("server") + defaults_of("cache"))), IsEmpty());
  EXPECT_TRUE(read(defaults_of("cache")).cache.prefetch);
  EXPECT_EQ(read(defaults_of("server.rate-limit")).server.rate_limit, RateLimitSettings());

  const PolicySettings written = read(defaults_of("policies.x")).policies.at(0);
  const PolicySettings expected;
  EXPECT_EQ(written.deny, expected.deny);
  EXPECT_EQ(written.negative_ttl, expected.negative_ttl);
  EXPECT_EQ(written.on_upstream_failure, expected.on_upstream_failure);
  EXPECT_EQ(written.upstream, expected.upstream);
  EXPECT_EQ(read(defaults_of("policies.x.exfiltration")).policies.at(0).exfiltration,
            policy::Exfiltration());
  const UpstreamSettings upstream =
      read(defaults_of("upstreams.x") + "servers = [\"1.1.1.1\"]\n").upstreams.at(0);
  EXPECT_EQ(upstream.timeout, UpstreamSettings{}.timeout);
}

TEST(Keys, SealedChangesAreNamed) {
  const Settings running = read("");
  EXPECT_THAT(sealed_changes(running, read("[server]\nworkers = 2\nuser = \"x\"\n")),
              ElementsAre("server.workers", "server.user"));
  EXPECT_THAT(sealed_changes(running, read("[cache]\nsize = \"1MiB\"\n")),
              ElementsAre("cache.size"));
  EXPECT_THAT(sealed_changes(running, read("[server]\nversion-bind = \"x\"\n")), IsEmpty());
  EXPECT_THAT(sealed_changes(read("[server]\nlisten = [\"127.0.0.1:53\"]"),
                             read("\n\n[server]\nlisten = [  \"127.0.0.1\" ]")),
              IsEmpty())
      << "where the text stands makes no difference";
}

TEST(Keys, EveryKeyIsDocumented) {
  for (const Key& key : keys()) {
    EXPECT_FALSE(key.doc.empty()) << key.path;
    EXPECT_TRUE(key.doc.ends_with('.')) << key.path;
  }
}

/// Runs in the root of the tree, as ctest runs it. Renew the page there with:
/// NXGATE_WRITE_REFERENCE=1 build/release/config_test --gtest_filter='Keys.*'
TEST(Keys, TheReferencePageIsCurrent) {
  const std::string path = "docs/configuration.md";
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  if (std::getenv("NXGATE_WRITE_REFERENCE") != nullptr) std::ofstream(path) << reference_page();
  std::ifstream file(path);
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(page, reference_page());
}

}  // namespace
}  // namespace nxgate::config
