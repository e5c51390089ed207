#include "app/sandbox_follower.h"

#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <unistd.h>

#include "app/sandbox_report.h"
#include "app/sandbox_start.h"
#include "app/sandbox_terminal.h"
#include "attach/attachments.h"
#include "base/clock.h"
#include "cli/options.h"
#include "engine/observer.h"
#include "helper/helper.h"
#include "observe/hub.h"
#include "sandbox/sandbox.h"

namespace nxgate::app {

namespace asio = boost::asio;

namespace {

constexpr Milliseconds kLook{50};
/// What the program asked for last has been judged once there is no event for so long.
constexpr Milliseconds kSettling{200};
/// After that it is given up, and what is missing counts as denied.
constexpr Milliseconds kLongestSettling{5000};
constexpr std::size_t kMostEvents = 65536;

}  // namespace

SandboxFollower::SandboxFollower(sandbox::Sandbox& made, const helper::Helper& helper,
                                 attach::Attachments& attachments, observe::Hub& hub,
                                 SandboxReport& report, asio::io_context& loop)
    : made_(made),
      attachments_(attachments),
      report_(report),
      tap_(hub.open([](const engine::Event&) { return true; }, kMostEvents)),
      loop_(loop),
      signals_(loop, SIGTERM, SIGHUP),
      events_(loop, ::dup(made.events().get())),
      helper_gone_(loop, ::dup(helper.gone().get())),
      look_(loop),
      status_(cli::kNotRun) {
  await_signal();
  await_event();
  await_look();
  helper_gone_.async_wait(asio::posix::descriptor_base::wait_read,
                          [this](const boost::system::error_code& error) {
                            if (!error) end_with_fault("the helper process is gone");
                          });
}

int SandboxFollower::to_the_end() {
  loop_.run();
  if (report_.is_wanted()) {
    loop_.restart();
    settle();
  }
  (void)take_events();
  attachments_.take_reports();
  return status_;
}

void SandboxFollower::settle() {
  look_.cancel();
  const Instant end = Clock::now() + kLongestSettling;
  // Counted in looks: on a busy machine the other threads had no turn in the time between.
  for (Milliseconds quiet{0}; quiet < kSettling;) {
    loop_.run_for(kLook);
    quiet = take_events() ? Milliseconds(0) : quiet + kLook;
    if (Clock::now() > end) return report_.note_unknown();
  }
}

void SandboxFollower::end_with_fault(const std::string& why) {
  status_ = not_run(why);
  loop_.stop();
}

void SandboxFollower::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    made_.pass_on(signal);
    await_signal();
  });
}

void SandboxFollower::await_event() {
  events_.async_wait(asio::posix::descriptor_base::wait_read,
                     [this](const boost::system::error_code& error) {
                       if (error || !take_event()) return;
                       await_event();
                     });
}

/// False at the end.
bool SandboxFollower::take_event() {
  const auto event = made_.next();
  if (!event) return true;
  if (event->stopped && SandboxTerminal::stop_too(*event->stopped)) made_.pass_on(SIGCONT);
  if (!event->fault.empty()) {
    end_with_fault(event->fault);
    return false;
  }
  if (!event->ended) return true;
  status_ = *event->ended;
  loop_.stop();
  return false;
}

void SandboxFollower::await_look() {
  look_.expires_after(kLook);
  look_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    (void)take_events();
    await_look();
  });
}

/// Whether there were any.
bool SandboxFollower::take_events() {
  const std::vector<engine::Event> events = tap_->take();
  for (const engine::Event& event : events) report_.note(event);
  const bool dropped = tap_->take_dropped() != 0;
  if (dropped) report_.note_unknown();
  return dropped || !events.empty();
}

}  // namespace nxgate::app
