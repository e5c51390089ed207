#include "app/main_loop.h"

#include <algorithm>
#include <csignal>
#include <expected>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/posix/descriptor_base.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/snapshot.h"
#include "helper/helper.h"
#include "store/policy_store.h"
#include "store/standing_fault.h"
#include "sys/background.h"
#include "sys/file_watch.h"
#include "sys/service_manager.h"

namespace nxgate::app {

namespace asio = boost::asio;
using boost::system::error_code;
using Pending = store::PolicyStore::Pending;

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

/// While changes aren't signalled.
constexpr Seconds kLookAgain{5};

std::string about_replaced_mount(const std::string& path) {
  return fmt::format(
      "{} was mounted as a single file, which has been replaced since where it comes from: this "
      "server still sees the old file, and no later change; restart the container, and mount the "
      "directory that the file is in",
      path);
}

/// How often the helper is checked.
constexpr Seconds kPing{3};

}  // namespace

MainLoop::MainLoop(store::PolicyStore& policy_store, sys::ServiceManager& manager,
                   sys::FileWatch watch)
    : policy_store_(policy_store),
      manager_(manager),
      watch_(std::move(watch)),
      watched_(policy_store.watched()),
      signals_(loop_),
      changes_(loop_),
      helper_gone_(loop_),
      ping_(loop_),
      settle_(loop_),
      again_(loop_) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) signals_.add(signal);
  watch_.watch(watched_);
  await_signal();
  follow_files();
}

MainLoop::~MainLoop() {
  // It posts to the loop.
  if (background_) background_->join();
  if (changes_.is_open()) changes_.release();
  if (helper_gone_.is_open()) helper_gone_.release();
}

void MainLoop::depend_on(const helper::Helper& helper) {
  helper_gone_.assign(helper.gone().get());
  helper_gone_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this, &helper](
                                                                              const error_code&
                                                                                  error) {
    if (error) return;
    failure_ = {fmt::format(
        "the helper process {}: without it no firewall can be changed or restored, so nxgate exits "
        "and leaves everything in place; restart it, as a service manager does automatically",
        helper.fate())};
    end("failure", Ending::kHandOver);
  });
  await_ping(helper);
}

void MainLoop::await_ping(const helper::Helper& helper) {
  ping_.expires_after(kPing);
  ping_.async_wait([this, &helper](const error_code& error) {
    if (error) return;
    helper.ping();
    await_ping(helper);
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
      follow_files();
      await_change();
    });
  });
}

/// Each is logged once.
void MainLoop::note_replaced_mounts() {
  for (const std::string& path : watch_.replaced_mounts()) {
    if (std::ranges::find(replaced_mounts_, path) != replaced_mounts_.end()) continue;
    log::error("{}", about_replaced_mount(path));
  }
  replaced_mounts_ = watch_.replaced_mounts();
}

/// Waits for the watch's events, and polls while it doesn't report all changes.
void MainLoop::follow_files() {
  note_replaced_mounts();
  if (!changes_.is_open() && watch_.descriptor() >= 0) {
    error_code full;
    changes_.assign(watch_.descriptor(), full);
    if (!full) await_change();
  }
  std::string fault = watch_.fault();
  if (fault.empty() && !changes_.is_open()) {
    fault = "epoll has no watches left; see fs.epoll.max_user_watches";
  }
  if (!fault.empty()) {
    fault = fmt::format(
        "files can't be watched for changes: {}; they are checked every {} s, and SIGHUP reloads "
        "at once",
        fault, kLookAgain.count());
  }
  if (std::exchange(fault_, fault) != fault) {
    if (fault.empty()) {
      log::info("watching files for changes again");
    } else {
      log::warning("{}", fault);
    }
  }
  if (fault_.empty()) return;
  again_.expires_after(kLookAgain);
  again_.async_wait([this](const error_code& error) {
    if (error) return;
    if (watch_.changed()) reload([](bool) {});
    follow_files();
  });
}

std::vector<store::StandingFault> MainLoop::standing_faults() const {
  std::vector<store::StandingFault> standing;
  if (!fault_.empty()) standing.push_back({store::FaultSource::kFiles, fault_});
  for (const std::string& path : replaced_mounts_) {
    standing.push_back({store::FaultSource::kFiles, about_replaced_mount(path)});
  }
  return standing;
}

void MainLoop::reload(std::function<void(bool taken)> done) {
  waiting_.push_back(std::move(done));
  if (!reloading_) begin_reload();
}

void MainLoop::begin_reload() {
  reloading_ = true;
  served_ = std::exchange(waiting_, {});
  manager_.reloading();
  const auto pending = std::make_shared<Pending>(policy_store_.begin());
  if (!has_background()) {
    policy_store_.prepare(*pending);
    return finish_reload(*pending);
  }
  asio::post(*background_, [this, pending] {
    sys::lower_priority_of_thread();
    policy_store_.prepare(*pending);
    asio::post(loop_, [this, pending] { finish_reload(*pending); });
  });
}

/// Starts the thread, unless our user has reached its limit of threads.
bool MainLoop::has_background() {
  try {
    if (!background_) background_.emplace(1);
  } catch (const boost::system::system_error&) {
    log::warning(
        "cannot start a thread to read the configuration, so the main thread reads it: nxgate's "
        "user "
        "has reached its limit of threads; see `ulimit -u`");
  }
  return background_.has_value();
}

void MainLoop::finish_reload(Pending& pending) {
  const bool taken = policy_store_.commit(pending);
  if (background_) {
    asio::post(*background_,
               [replaced = std::move(pending.replaced)]() mutable { free(replaced); });
  }
  if (taken) changed();
  // Looking again would miss what changed since the reload read it, so only if needed.
  if (watched_ != policy_store_.watched()) {
    watched_ = policy_store_.watched();
    watch_.watch(watched_);
  }
  follow_files();
  manager_.reloaded(fmt::format("{}generation {}",
                                taken ? "" : "the last reload was rejected, see the log; serving ",
                                policy_store_.generation()));
  reloading_ = false;
  for (const auto& done : std::exchange(served_, {})) done(taken);
  if (!reloading_ && !waiting_.empty()) begin_reload();
}

}  // namespace nxgate::app
