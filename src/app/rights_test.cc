#include "app/rights.h"

#include <string>

#include <gtest/gtest.h>

#include "config/memory_files.h"
#include "config/overrides.h"
#include "config/settings.h"
#include "store/settings_source.h"
#include "sys/privileges.h"

namespace nxgate::app {
namespace {

config::Settings settings_of(const std::string& text) {
  config::MemoryFiles files;
  files.files["/n.toml"] = text;
  config::Overrides given;
  given.config = "/n.toml";
  return store::load_settings(given, files).settings;
}

TEST(Rights, OnlyWhatTheSettingsNeedIsKeptOfRoot) {
  const auto needed = [](const std::string& text) {
    const Rights kept_by = rights(settings_of(text), AttachSource::kNo);
    EXPECT_FALSE(kept_by.server.any()) << text;
    const sys::KeptCapabilities& kept = kept_by.helper;
    return std::string(kept.enter_namespaces ? "enter " : "") +
           (kept.find_by_process ? "process " : "") + (kept.bind_low_ports ? "low " : "") +
           (kept.bind_interfaces ? "interface" : "");
  };
  EXPECT_EQ(needed("[server]\nlisten = [\"127.0.0.1:53\"]\n"), "");
  EXPECT_EQ(needed("[server]\nlisten = [\"127.0.0.1:5353@web\"]\n"), "enter ");
  EXPECT_EQ(needed("[server]\nlisten = [\"127.0.0.1:53@pid:1\"]\n"), "enter process low ");
  EXPECT_EQ(needed("[server]\nlisten = [\"eth1:5353\"]\n"), "interface");
  EXPECT_EQ(needed("[upstreams.app]\nservers = [\"192.0.2.2\"]\nnetns = \"app\"\n"), "enter ");
}

TEST(Rights, WhatAttachesIsTheHelpersToDo) {
  const config::Settings settings = settings_of("[server]\nlisten = [\"127.0.0.1:53\"]\n");
  const Rights by_name = rights(settings, AttachSource::kNamespaces);
  EXPECT_FALSE(by_name.server.any());
  const sys::KeptCapabilities all{.enter_namespaces = true,
                                  .find_by_process = true,
                                  .hold_queues = true,
                                  .change_rules = true,
                                  .pass_permissions = true};
  EXPECT_EQ(by_name.helper, all);
  const Rights by_engine = rights(settings, AttachSource::kContainers);
  const sys::KeptCapabilities for_engine{.find_by_process = true, .pass_permissions = true};
  EXPECT_EQ(by_engine.server, for_engine);
  EXPECT_EQ(by_engine.helper, all);
}

TEST(Rights, AFirewallForClientsIsTheHelpersToChange) {
  const Rights kept =
      rights(settings_of("[policies.default.egress]\n"
                         "[[clients]]\nfrom = [\"10.0.0.0/8\"]\npolicy = \"default\"\n"),
             AttachSource::kNo);
  EXPECT_FALSE(kept.server.any());
  const sys::KeptCapabilities changing{.change_rules = true, .send_descriptors = true};
  EXPECT_EQ(kept.helper, changing);
}

}  // namespace
}  // namespace nxgate::app
