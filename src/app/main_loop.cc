#include "app/main_loop.h"

#include <algorithm>
#include <csignal>
#include <expected>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/posix/descriptor_base.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/snapshot.h"
#include "store/reloader.h"
#include "sys/background.h"
#include "sys/file_watch.h"
#include "sys/helper.h"
#include "sys/service_manager.h"

namespace nxgate::app {

namespace asio = boost::asio;
using boost::system::error_code;
using Pending = store::Reloader::Pending;

namespace {

/// Freeing a million names takes some milliseconds, so this thread waits until it is the last that
/// holds them; a query that is being answered may hold them longer, and lets them go then.
void free(std::vector<std::shared_ptr<const engine::Snapshot>>& replaced) {
  const Instant patience = Clock::now() + Milliseconds(100);
  const auto held = [](const auto& each) { return each.use_count() > 1; };
  while (std::ranges::any_of(replaced, held) && Clock::now() < patience) {
    std::this_thread::sleep_for(Milliseconds(1));
  }
  replaced.clear();
}

}  // namespace

Result<std::unique_ptr<MainLoop>> MainLoop::create(store::Reloader& reloader,
                                                   sys::ServiceManager& manager) {
  auto watch = sys::FileWatch::create();
  if (!watch) return std::unexpected(watch.error());
  return std::unique_ptr<MainLoop>(new MainLoop(reloader, manager, *std::move(watch)));
}

MainLoop::MainLoop(store::Reloader& reloader, sys::ServiceManager& manager, sys::FileWatch watch)
    : reloader_(reloader),
      manager_(manager),
      watch_(std::move(watch)),
      watched_(reloader.watched()),
      signals_(loop_),
      changes_(loop_, watch_.descriptor()),
      helper_gone_(loop_),
      settle_(loop_) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) signals_.add(signal);
  watch_.watch(watched_);
  await_signal();
  await_change();
}

MainLoop::~MainLoop() {
  // It posts to the loop.
  if (background_) background_->join();
  changes_.release();
  if (helper_gone_.is_open()) helper_gone_.release();
}

void MainLoop::depend_on(const sys::Helper& helper) {
  helper_gone_.assign(helper.gone().get());
  helper_gone_.async_wait(
      boost::asio::posix::descriptor_base::wait_read, [this, &helper](const error_code& error) {
        if (error) return;
        failure_ = {fmt::format(
            "the helper process {}: without it no firewall can be changed or put back, so nxgate "
            "ends and leaves all as it is; start it again, as a service manager does by itself",
            helper.fate())};
        end("failure", Ending::kHandOver);
      });
}

Result<std::string> MainLoop::run() {
  loop_.run();
  manager_.stopping();
  if (failure_) return std::unexpected(*failure_);
  return reason_;
}

void MainLoop::end(std::string reason, Ending ending) {
  reason_ = std::move(reason);
  ending_ = ending;
  loop_.stop();
}

void MainLoop::await_signal() {
  signals_.async_wait([this](const error_code& error, int signal) {
    if (error) return;
    if (signal == SIGUSR1) {
      rotate_();
      return await_signal();
    }
    if (signal == SIGUSR2) return end("SIGUSR2", Ending::kHandOver);
    if (signal != SIGHUP) {
      return end(signal == SIGTERM ? "SIGTERM" : "SIGINT");
    }
    // This reload takes in whatever has changed up to now.
    (void)watch_.changed();
    reload([](bool) {});
    await_signal();
  });
}

void MainLoop::await_change() {
  changes_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](const error_code& e) {
    if (e) return;
    settle_.expires_after(sys::FileWatch::kSettle);
    settle_.async_wait([this](const error_code& error) {
      if (error) return;
      if (watch_.changed()) reload([](bool) {});
      await_change();
    });
  });
}

void MainLoop::reload(std::function<void(bool taken)> done) {
  waiting_.push_back(std::move(done));
  if (!reloading_) begin_reload();
}

void MainLoop::begin_reload() {
  reloading_ = true;
  served_ = std::exchange(waiting_, {});
  manager_.reloading();
  if (!background_) background_.emplace(1);
  asio::post(*background_, [this, pending = std::make_shared<Pending>(reloader_.begin())] {
    sys::lower_priority_of_thread();
    reloader_.prepare(*pending);
    asio::post(loop_, [this, pending] { finish_reload(*pending); });
  });
}

void MainLoop::finish_reload(Pending& pending) {
  const bool taken = reloader_.commit(pending);
  asio::post(*background_, [replaced = std::move(pending.replaced)]() mutable { free(replaced); });
  if (taken) changed();
  // Looking anew would miss what changed since the reload read it, so only when there is need.
  if (watched_ != reloader_.watched()) {
    watched_ = reloader_.watched();
    watch_.watch(watched_);
  }
  manager_.reloaded(fmt::format("{}generation {}",
                                taken ? "" : "the last reload was refused, see the log; serving ",
                                reloader_.generation()));
  reloading_ = false;
  for (const auto& done : std::exchange(served_, {})) done(taken);
  if (!reloading_ && !waiting_.empty()) begin_reload();
}

}  // namespace nxgate::app
