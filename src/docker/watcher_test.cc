#include "docker/watcher.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "containers/container.h"
#include "docker/client.h"
#include "docker/container_reader.h"
#include "docker/fake_engine.h"

namespace nxgate::docker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

/// Keeps what it is told: `engine 20.10.24`, `lost`, `a b` for two containers.
class Notes : public Observer {
 public:
  void on_engine(const EngineVersion& version) override {
    told.push_back("engine " + version.engine);
  }
  void on_containers(const View& view) override {
    std::string names = "[";
    for (const Container& container : view.running) {
      names += " " + container.name + (container.inspected ? "" : "?");
    }
    told.push_back(names + (view.whole ? " ]" : " ..."));
    last = view;
    if (on_report) on_report();
  }
  void on_changed(const std::string& id) override { changed += id.front(); }
  void on_engine_lost(const Error& error) override {
    EXPECT_FALSE(error.message.empty());
    told.emplace_back("lost");
  }

  std::vector<std::string> told;
  std::string changed;  ///< of each id the first letter
  View last;
  std::function<void()> on_report;
};

class WatcherTest : public ::testing::Test {
 protected:
  WatcherTest() : path_(::testing::TempDir() + "nxgate_watcher." + std::to_string(::getpid())) {}

  void begin_engine() { engine_ = std::make_unique<FakeEngine>(path_); }
  void begin() {
    watcher_ = std::make_unique<Watcher>(loop_, path_, notes_, LabelKeys{}, pace_);
    watcher_->start();
  }
  void run_for(std::chrono::milliseconds time) {
    loop_.restart();
    loop_.run_for(time);
  }
  /// Runs until so many things were told, for ten seconds at most, and a little longer.
  std::vector<std::string> told(std::size_t count) {
    for (int turn = 0; turn < 1000 && notes_.told.size() < count; ++turn) run_for(10ms);
    run_for(30ms);
    return notes_.told;
  }
  /// Runs until this is what was told last, for ten seconds at most.
  bool is_told(std::string_view last) {
    for (int turn = 0; turn < 1000 && (notes_.told.empty() || notes_.told.back() != last); ++turn)
      run_for(10ms);
    return notes_.told.back() == last;
  }

  boost::asio::io_context loop_{1};
  std::string path_;
  Notes notes_;
  Pace pace_;
  std::unique_ptr<FakeEngine> engine_;
  std::unique_ptr<Watcher> watcher_;
};

TEST_F(WatcherTest, ReportsWhatRunsAtFirst) {
  begin_engine();
  engine_->put('a', "web");
  engine_->put('b', "db");
  engine_->stop('c');
  begin();
  EXPECT_THAT(told(2), ElementsAre("engine 20.10.24", "[ web db ]"));
  ASSERT_GE(engine_->requests().size(), 3U);
  EXPECT_TRUE(engine_->requests()[1].contains("/events"));
  EXPECT_TRUE(engine_->requests()[2].ends_with("/containers/json"));
}

TEST_F(WatcherTest, ReportsThatNothingRuns) {
  begin_engine();
  begin();
  EXPECT_THAT(told(2), ElementsAre("engine 20.10.24", "[ ]"));
}

TEST_F(WatcherTest, FollowsWhatStartsStopsAndIsRemoved) {
  begin_engine();
  begin();
  told(2);
  engine_->put('a', "web");
  engine_->tell_container('a', "start");
  told(3);
  engine_->put('a', "www");
  engine_->tell_container('a', "rename");
  told(4);
  engine_->put('b', "db");
  engine_->tell_container('b', "start");
  told(5);
  engine_->stop('a');
  engine_->tell_container('a', "die");
  told(6);
  engine_->remove('b');
  engine_->tell_container('b', "destroy");
  EXPECT_THAT(told(7), ElementsAre("engine 20.10.24", "[ ]", "[ web ]", "[ www ]", "[ www db ]",
                                   "[ db ]", "[ ]"));
}

TEST_F(WatcherTest, ReportsOnlyWhatChanged) {
  begin_engine();
  engine_->put('a', "web");
  begin();
  told(2);
  engine_->tell_container('a', "pause");
  run_for(200ms);
  EXPECT_THAT(notes_.told, ElementsAre("engine 20.10.24", "[ web ]"));
  EXPECT_EQ(engine_->count_requests(FakeEngine::id('a')), 2U);
}

TEST_F(WatcherTest, OtherEventsAreNoReasonToLook) {
  begin_engine();
  engine_->put('a', "web");
  begin();
  told(2);
  engine_->tell_container('a', "exec_start: sh");
  engine_->tell_container('a', "health_status: healthy");
  engine_->tell_container('a', "attach");
  run_for(50ms);
  EXPECT_EQ(engine_->count_requests(FakeEngine::id('a')), 1U);
}

TEST_F(WatcherTest, ABurstAboutOneContainerIsTwoInspectionsAtMost) {
  begin_engine();
  begin();
  told(2);
  engine_->delay_inspections(100ms);
  engine_->put('a', "web");
  for (int i = 0; i < 20; ++i) engine_->tell_container('a', "start");
  told(3);
  run_for(200ms);
  EXPECT_EQ(engine_->count_requests(FakeEngine::id('a')), 2U);
  EXPECT_EQ(notes_.told.size(), 3U);
}

TEST_F(WatcherTest, ReconcilesAfterTheConnectionWasCut) {
  begin_engine();
  engine_->put('a', "web");
  engine_->put('b', "db");
  begin();
  told(2);
  engine_->remove('a');
  engine_->put('c', "new");
  engine_->cut();
  EXPECT_THAT(told(5), ElementsAre("engine 20.10.24", "[ web db ]", "lost", "engine 20.10.24",
                                   "[ db new ]"));
}

TEST_F(WatcherTest, WaitsForAnEngineAndTellsOfItsAbsenceOnce) {
  begin();
  run_for(400ms);
  EXPECT_THAT(notes_.told, ElementsAre("lost"));
  begin_engine();
  EXPECT_THAT(told(3), ElementsAre("lost", "engine 20.10.24", "[ ]"));
  engine_.reset();
  told(4);
  begin_engine();
  EXPECT_THAT(told(6),
              ElementsAre("lost", "engine 20.10.24", "[ ]", "lost", "engine 20.10.24", "[ ]"));
}

TEST_F(WatcherTest, MayBeDestroyedWhileItWaits) {
  begin_engine();
  engine_->put('a', "web");
  engine_->delay_inspections(100ms);
  begin();
  told(1);
  watcher_.reset();
  run_for(500ms);
  EXPECT_TRUE(loop_.stopped()) << "nothing is left to wait for";
  EXPECT_THAT(notes_.told, ElementsAre("engine 20.10.24"));
}

TEST_F(WatcherTest, MayBeDestroyedByItsObserverAndBetweenAttempts) {
  begin_engine();
  notes_.on_report = [this] { watcher_.reset(); };
  begin();
  EXPECT_THAT(told(2), ElementsAre("engine 20.10.24", "[ ]"));
  engine_.reset();
  begin();
  told(3);
  watcher_.reset();
  run_for(200ms);
  EXPECT_TRUE(loop_.stopped()) << "nothing is left to wait for";
}

TEST_F(WatcherTest, MayOutliveTheLoopsLastRun) {
  begin_engine();
  engine_->put('a', "web");
  engine_->delay_inspections(100ms);
  auto loop = std::make_unique<boost::asio::io_context>(1);
  auto watcher = std::make_unique<Watcher>(*loop, path_, notes_);
  watcher->start();
  for (int turn = 0; turn < 1000 && notes_.told.empty(); ++turn) {
    loop->restart();
    loop->run_for(10ms);
  }
  watcher.reset();
  loop.reset();
  EXPECT_THAT(notes_.told, ElementsAre("engine 20.10.24"));
}

TEST_F(WatcherTest, AnInspectionThatHangsDelaysNobody) {
  begin_engine();
  engine_->put('a', "web");
  for (const char digit : std::string("bcdef0123456789")) engine_->put(digit, {'n', digit});
  for (const char digit : std::string("bcdef")) engine_->hang_inspections(digit);
  const auto start = std::chrono::steady_clock::now();
  begin();
  EXPECT_TRUE(is_told("[ n0 n1 n2 n3 n4 n5 n6 n7 n8 n9 web ? ? ? ? ? ..."))
      << "those that are listed and not yet inspected are told of as such";
  EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
  EXPECT_EQ(notes_.told.front(), "engine 20.10.24");
  EXPECT_FALSE(notes_.last.whole);
  engine_->release();
  EXPECT_TRUE(is_told("[ n0 n1 n2 n3 n4 n5 n6 n7 n8 n9 web nb nc nd ne nf ]"));
}

TEST_F(WatcherTest, AFailedInspectionIsTriedAgain) {
  begin_engine();
  pace_.retry = 50ms;
  engine_->put('a', "web");
  engine_->put('b', "db");
  engine_->fail_inspections('a', "500 Internal Server Error");
  begin();
  EXPECT_THAT(told(2), ElementsAre("engine 20.10.24", "[ ? db ]"));
  ASSERT_TRUE(notes_.last.uninspected.contains(FakeEngine::id('a')));
  EXPECT_THAT(notes_.last.uninspected.at(FakeEngine::id('a')), HasSubstr("something is wrong"));
  run_for(400ms);
  const std::size_t tries = engine_->count_requests(FakeEngine::id('a'));
  EXPECT_GE(tries, 3U) << "after 50, 100 and 200 ms";
  EXPECT_LE(tries, 5U);
  engine_->fail_inspections('a', "");
  run_for(900ms);
  EXPECT_EQ(notes_.told.back(), "[ web db ]");
  EXPECT_TRUE(notes_.last.uninspected.empty());
}

TEST_F(WatcherTest, ALostEventHealsByTheNextList) {
  begin_engine();
  pace_.relist = 100ms;
  engine_->put('a', "web");
  begin();
  told(2);
  engine_->put('b', "db");
  EXPECT_EQ(told(3).back(), "[ web db ]");
  engine_->remove('a');
  EXPECT_EQ(told(4).back(), "[ db ]");
  const std::size_t inspections = engine_->count_requests(FakeEngine::id('b'));
  run_for(400ms);
  EXPECT_EQ(engine_->count_requests(FakeEngine::id('b')), inspections)
      << "what is listed as before isn't inspected again";
}

TEST_F(WatcherTest, AnOddEntryIsAloneInBeingLeftOut) {
  begin_engine();
  engine_->put('a', "web");
  engine_->answer_lists(
      FakeEngine::response_with(R"([{"Id":"abc","Names":["/odd"],"State":"running"},{"Id":")" +
                                FakeEngine::id('a') + R"(","State":"running","Labels":{"x":7}}])"));
  begin();
  EXPECT_THAT(told(2), ElementsAre("engine 20.10.24", "[ web ]"));
  ASSERT_EQ(notes_.last.odd.size(), 1U);
  EXPECT_EQ(notes_.last.odd[0].name, "odd");
}

TEST_F(WatcherTest, AListThatFailsIsToldAndAskedForAgain) {
  begin_engine();
  pace_.retry = 50ms;
  engine_->put('a', "web");
  const std::string half = R"([{"Id":")" + FakeEngine::id('a') + R"(","State":"running"},)";
  engine_->answer_lists(FakeEngine::response_with(half + "nonsense"));
  begin();
  EXPECT_THAT(told(2), ElementsAre("engine 20.10.24", "[ web ..."))
      << "what came before the fault counts";
  EXPECT_THAT(notes_.last.trouble, HasSubstr("GET /containers/json: "));
  engine_->answer_lists("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(told(3).back(), "[ web ...") << "and isn't gone because a list failed";
  engine_->answer_lists("");
  EXPECT_EQ(told(4).back(), "[ web ]");
  EXPECT_EQ(notes_.last.trouble, "");
  EXPECT_EQ(engine_->count_requests("/events"), 1U) << "events went on meanwhile";
}

TEST_F(WatcherTest, GarbageAmongEventsEndsNothing) {
  begin_engine();
  begin();
  told(2);
  engine_->put('a', "web");
  engine_->tell("garbage\n{\"half\": \n");
  engine_->tell_container('a', "start");
  EXPECT_EQ(told(3).back(), "[ web ]");
  EXPECT_EQ(engine_->count_requests("/events"), 1U);
}

TEST_F(WatcherTest, AnEngineThatEndsEveryConnectionIsNotStormed) {
  begin_engine();
  begin();
  told(2);
  for (int turn = 0; turn < 100; ++turn) {
    engine_->cut();
    run_for(10ms);
  }
  EXPECT_LE(engine_->count_requests("/events"), 5U) << "after 0, 100, 300 and 700 ms";
}

TEST_F(WatcherTest, LabelsThatCannotBeToldApartAreTriedAgain) {
  begin_engine();
  pace_.retry = 50ms;
  const std::string image = "sha256:" + FakeEngine::id('1');
  engine_->put_raw('a', R"({"Id":")" + FakeEngine::id('a') + R"(","Image":")" + image +
                            R"(","Name":"/web","State":{"Running":true,"Pid":4},
                               "Config":{"Labels":{"com.docker.compose.project":"shop"}}})");
  begin();
  told(2);
  EXPECT_TRUE(notes_.last.running.at(0).labels.empty());
  EXPECT_TRUE(notes_.last.uninspected.contains(FakeEngine::id('a')));
  engine_->put_image('1', "{}");
  told(3);
  EXPECT_EQ(notes_.last.running.at(0).labels.at(containers::kProjectLabel), "shop");
  EXPECT_TRUE(notes_.last.uninspected.empty());
}

TEST_F(WatcherTest, OtherLabelsAreReadFromTheStart) {
  begin_engine();
  engine_->put_raw('a', R"({"Id":")" + FakeEngine::id('a') +
                            R"(","Name":"/web","State":{"Running":true,"Pid":4},"Image":"sha256:)" +
                            FakeEngine::id('1') + R"(",
                               "Config":{"Labels":{"tier":"front"}}})");
  engine_->put_image('1', "{}");
  begin();
  told(2);
  EXPECT_TRUE(notes_.last.running.at(0).labels.empty());
  EXPECT_TRUE(watcher_->keep_labels({"tier"}));
  told(3);
  EXPECT_EQ(notes_.last.running.at(0).labels.at("tier"), "front");
  EXPECT_THAT(notes_.last.outdated, IsEmpty());
  EXPECT_FALSE(watcher_->keep_labels({"tier"})) << "they are known";
}

TEST_F(WatcherTest, WhoIsNotReadAgainStaysOutdated) {
  begin_engine();
  engine_->put('a', "web");
  engine_->put('b', "db");
  begin();
  told(2);
  engine_->hang_inspections('a');
  EXPECT_TRUE(watcher_->keep_labels({"tier"}));
  engine_->put('c', "new");
  engine_->tell_container('c', "start");
  for (int turn = 0; turn < 1000 && notes_.last.running.size() < 3; ++turn) run_for(10ms);
  EXPECT_THAT(notes_.last.outdated, ElementsAre(FakeEngine::id('a')));
  engine_->release();
  for (int turn = 0; turn < 1000 && !notes_.last.outdated.empty(); ++turn) run_for(10ms);
  EXPECT_THAT(notes_.last.outdated, IsEmpty());
}

TEST_F(WatcherTest, ThatAllWasReadAgainIsReportedThoughItBringsNothing) {
  begin_engine();
  engine_->put('a', "web");
  begin();
  told(2);
  EXPECT_TRUE(watcher_->keep_labels({"tier"}));
  EXPECT_GE(told(3).size(), 3U);
  EXPECT_THAT(notes_.last.outdated, IsEmpty());
}

TEST_F(WatcherTest, TellsWhoMayStartOtherwiseThanBefore) {
  begin_engine();
  begin();
  told(2);
  engine_->tell_container('a', "create");
  engine_->tell_container('b', "start");
  engine_->tell_container('c', "rename");
  engine_->tell_container('d', "exec_start");
  engine_->tell_container('e', "destroy");
  for (int turn = 0; turn < 1000 && notes_.changed.size() < 3; ++turn) run_for(10ms);
  run_for(30ms);
  EXPECT_EQ(notes_.changed, "ace");
}

}  // namespace
}  // namespace nxgate::docker
