#include "app/rights.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/memory_files.h"
#include "config/overrides.h"
#include "config/settings.h"
#include "helper/reach.h"
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
           (kept.find_by_process ? "process " : "") +
           (kept.pass_permissions ? "permissions " : "") + (kept.bind_low_ports ? "low " : "") +
           (kept.bind_interfaces ? "interface" : "");
  };
  EXPECT_EQ(needed("[server]\nlisten = [\"127.0.0.1:53\"]\n"), "");
  EXPECT_EQ(needed("[server]\nlisten = [\"127.0.0.1:5353@web\"]\n"), "enter ");
  EXPECT_EQ(needed("[server]\nlisten = [\"127.0.0.1:53@pid:1\"]\n"), "enter process low ");
  EXPECT_EQ(needed("[server]\nlisten = [\"eth1:5353\"]\n"), "interface");
  EXPECT_EQ(needed("[server]\nlisten = [\"127.0.0.1:5353@container:web\"]\n"),
            "enter process permissions ");
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

TEST(Rights, TheHelperIsToldOfContainersByNameAndOfNoOthers) {
  const config::Settings settings = settings_of(
      "[server]\nlisten = [\"127.0.0.1:53@container:web\"]\n"
      "[upstreams.app]\nservers = [\"192.0.2.2\"]\nnetns = \"container:web\"\n");
  const NamedContainers expected{{"web", {"listener 127.0.0.1:53", "upstream app"}}};
  EXPECT_EQ(named_containers(settings), expected);
  const helper::Reach told = reach(settings, {}, nullptr, "/run/docker.sock");
  EXPECT_EQ(told.containers, std::vector<std::string>{"web"});
  EXPECT_EQ(told.containers_engine, "/run/docker.sock");
  EXPECT_EQ(told.engine, "") << "it attaches none";
}

}  // namespace
}  // namespace nxgate::app
