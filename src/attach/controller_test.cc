#include "attach/controller.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/types.h>

#include "attach/attachments.h"
#include "attach/service.h"
#include "attach/subjects.h"
#include "attach/unattached.h"
#include "base/error.h"
#include "config/memory_files.h"
#include "config/overrides.h"
#include "containers/container.h"
#include "containers/engine.h"
#include "firewall/connection_listeners.h"
#include "firewall/firewall_reports.h"
#include "netfilter/gate.h"
#include "netfilter/namespace_fixture.h"
#include "policy/no_firewalls.h"
#include "store/policy_store.h"
#include "store/settings_source.h"
#include "sys/child_process.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/privileges.h"

namespace nxgate::attach {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kConfiguration = R"(
[server]
listen = ["127.0.0.1:5353"]
[upstreams.default]
servers = ["192.0.2.1"]
[policies.default]
[policies.wide]
allow = ["a.test", "b.test"]
[policies.narrow]
allow = ["a.test"]
[docker]
label-policies = ["*"]
)";

/// Tells what the test says, at once.
class FakeEngine final : public containers::Engine {
 public:
  void watch(containers::Observer& observer) override {
    observer_ = &observer;
    observer.on_engine({.engine = "1.0", .api = "1.0"});
  }
  void end_watch() override { observer_ = nullptr; }
  bool keep_labels(const containers::LabelKeys&) override { return false; }
  boost::asio::awaitable<containers::Listing> list() override { co_return containers::Listing(); }
  boost::asio::awaitable<containers::Listing> list_one(std::string) override {
    co_return containers::Listing();
  }
  boost::asio::awaitable<void> tell_labels_apart(containers::Container&,
                                                 std::chrono::seconds) override {
    co_return;
  }
  bool tells_labels_apart(const containers::Container&) const override { return true; }
  std::string name() const override { return "Fake"; }
  std::string socket() const override { return "/nowhere.sock"; }
  pid_t process() const override { return 0; }
  std::string namespaces() const override { return "/run/netns"; }

  /// Never all that there is: what others left in namespaces of this machine would be removed.
  void report(std::vector<containers::Container> running) const {
    observer_->on_containers({.running = std::move(running), .whole = false});
  }
  void lose() const { observer_->on_engine_lost({"it is away"}); }

 private:
  containers::Observer* observer_ = nullptr;
};

/// Opens nothing; notes what is asked of it.
class NoListeners final : public firewall::ConnectionListeners {
 public:
  Result<std::unique_ptr<Listener>> open(const sys::NetnsRef&, const std::string&) override {
    return fail("nobody listens here");
  }
};

class FakeService final : public Service {
 public:
  class NoSockets final : public Sockets {
   public:
    explicit NoSockets(std::vector<std::string>& calls) : calls_(calls) {}
    netfilter::GatePorts ports() const override { return {.udp4 = 1001, .tcp4 = 1002}; }
    void serve() override { calls_.emplace_back("serve"); }

   private:
    std::vector<std::string>& calls_;
  };

  Result<std::unique_ptr<Sockets>> open(const sys::NetnsRef&, const std::string&) override {
    calls.emplace_back("open");
    if (!fault.empty()) return fail(fault);
    return std::make_unique<NoSockets>(calls);
  }
  void end(const std::string&) override { calls.emplace_back("end"); }

  std::vector<std::string> calls;
  std::string fault;
};

/// In the namespace of the test.
std::function<bool()> enters(const sys::NetnsRef& netns) {
  return [&netns] {
    const auto opened = netns.open();
    return opened && ::setns(opened->get(), CLONE_NEWNET) == 0;
  };
}

class ControllerTest : public netfilter::NamespaceTest {
 protected:
  ControllerTest() {
    overrides_.config = "/n.toml";
    files_.files["/n.toml"] = kConfiguration;
    policy_store_ = std::make_unique<store::PolicyStore>(
        overrides_, files_, store::load_settings(overrides_, files_),
        sys::KeptCapabilities{.enter_namespaces = true}, firewalls_);
    attachments_ = std::make_unique<Attachments>(loop_, *policy_store_, service_, reports_,
                                                 listeners_, netfilter::OnDeath::kStaysClosed);
    controller_ = std::make_unique<Controller>(
        loop_,
        Subjects{.containers = {}, .namespaces = {}, .policy = "", .socket = "/nowhere.sock"},
        engine_, *policy_store_, *attachments_, sys::Descriptor());
    controller_->start([](const Result<void>&) {});
  }

  [[nodiscard]] containers::Container container(char digit, const std::string& name,
                                                const sys::ChildProcess& process,
                                                const std::string& policy = {}) const {
    containers::Container made{.id = std::string(64, digit),
                               .name = name,
                               .running = true,
                               .inspected = true,
                               .pid = process.pid()};
    if (!policy.empty()) made.labels["nxgate.policy"] = policy;
    return made;
  }
  /// What is attached: `web: wide, narrow`.
  [[nodiscard]] std::vector<std::string> attached() const {
    std::vector<std::string> all;
    for (const Attachments::View& each : attachments_->view()) {
      std::string text = each.label + ": " + each.policy;
      for (const std::string& other : each.others) text += ", " + other;
      all.push_back(text);
    }
    return all;
  }
  [[nodiscard]] std::vector<std::string> unattached() const {
    std::vector<std::string> all;
    for (const Unattached& each : attachments_->unattached()) {
      all.push_back(each.label + ": " + std::string(word_of(each.why)));
    }
    return all;
  }

  boost::asio::io_context loop_{1};
  config::Overrides overrides_;
  config::MemoryFiles files_;
  policy::NoFirewalls firewalls_;
  firewall::FirewallReports reports_;
  FakeService service_;
  NoListeners listeners_;
  std::shared_ptr<FakeEngine> engine_ = std::make_shared<FakeEngine>();
  std::unique_ptr<store::PolicyStore> policy_store_;
  std::unique_ptr<Attachments> attachments_;
  std::unique_ptr<Controller> controller_;
  const sys::ChildProcess inside_{enters(netns)};
};

TEST_F(ControllerTest, WhatALabelSelectsIsAttachedAndServed) {
  engine_->report({container('a', "web", inside_, "wide"), container('b', "other", inside_)});
  EXPECT_THAT(attached(), ElementsAre("web: wide"));
  EXPECT_THAT(service_.calls, ElementsAre("open", "serve"));
  EXPECT_THAT(rules(), HasSubstr("table inet nxgate"));
}

TEST_F(ControllerTest, WhatNothingSelectsIsTold) {
  engine_->report({container('a', "web", inside_)});
  EXPECT_THAT(attached(), IsEmpty());
  EXPECT_THAT(unattached(), ElementsAre("web: unmatched"));
  EXPECT_THAT(rules(), IsEmpty());
}

TEST_F(ControllerTest, AMemberRestrictsItsOwnerAsLongAsItRuns) {
  const containers::Container owner = container('a', "owner", inside_, "wide");
  const sys::ChildProcess second(enters(netns));
  containers::Container member = container('b', "member", second, "narrow");
  member.network_mode = "container:" + owner.id;
  engine_->report({member, owner});
  EXPECT_THAT(attached(), ElementsAre("owner: wide, narrow"));
  engine_->report({owner});
  EXPECT_THAT(attached(), ElementsAre("owner: wide"));
}

TEST_F(ControllerTest, AnEndLeavesTheNamespaceClosed) {
  const containers::Container owner = container('a', "owner", inside_);
  const sys::ChildProcess second(enters(netns));
  containers::Container member = container('b', "member", second, "narrow");
  member.network_mode = "container:" + owner.id;
  engine_->report({owner, member});
  EXPECT_THAT(attached(), ElementsAre("member: narrow"));
  engine_->report({owner});
  EXPECT_THAT(attached(), IsEmpty());
  EXPECT_THAT(unattached(), ElementsAre("owner: left-closed"));
  EXPECT_THAT(service_.calls, ElementsAre("open", "serve", "end"));
  EXPECT_THAT(rules(), HasSubstr("table inet nxgate"));
}

TEST_F(ControllerTest, WhatIsNoLongerSelectedIsOpened) {
  engine_->report({container('a', "web", inside_, "wide")});
  engine_->report({container('a', "web", inside_)});
  EXPECT_THAT(attached(), IsEmpty());
  EXPECT_THAT(service_.calls, ElementsAre("open", "serve", "end"));
  EXPECT_THAT(rules(), IsEmpty());
}

TEST_F(ControllerTest, AFaultIsToldAndTriedAgain) {
  service_.fault = "no port";
  engine_->report({container('a', "web", inside_, "wide")});
  EXPECT_THAT(unattached(), ElementsAre("web: failed"));
  EXPECT_THAT(rules(), IsEmpty());
  service_.fault.clear();
  controller_->reconsider();
  EXPECT_THAT(attached(), ElementsAre("web: wide"));
  EXPECT_THAT(unattached(), IsEmpty());
}

TEST_F(ControllerTest, AContainerIsAttachedWhereItsEngineKeepsItsNamespace) {
  const sys::ChildProcess elsewhere([] { return ::unshare(CLONE_NEWNET) == 0; });
  containers::Container web = container('a', "web", elsewhere, "wide");
  web.sandbox = "/engine/netns/" + name;
  engine_->report({web});
  EXPECT_THAT(attached(), ElementsAre("web: wide"));
  EXPECT_THAT(rules(), HasSubstr("table inet nxgate"));
}

TEST_F(ControllerTest, WhatRunsStaysAttachedWithoutItsEngine) {
  engine_->report({container('a', "web", inside_, "wide")});
  engine_->lose();
  EXPECT_THAT(attached(), ElementsAre("web: wide"));
  EXPECT_THAT(unattached(), ElementsAre("the engine: engine"));
}

TEST_F(ControllerTest, TheHostsNetworkIsNeverAttached) {
  const sys::ChildProcess here;
  containers::Container hosted = container('a', "hosted", here, "wide");
  hosted.network_mode = "host";
  engine_->report({hosted});
  EXPECT_THAT(attached(), IsEmpty());
  EXPECT_THAT(unattached(), ElementsAre("hosted: host-network"));
  EXPECT_THAT(service_.calls, IsEmpty());
}

}  // namespace
}  // namespace nxgate::attach
