// Following a program in a sandbox from its start to its end.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "app/sandbox_report.h"
#include "attach/attachments.h"
#include "helper/helper.h"
#include "observe/hub.h"
#include "sandbox/sandbox.h"

namespace nxgate::app {

/// Passes on signals, stops with the program, and has its events reported. One thread.
class SandboxFollower {
 public:
  SandboxFollower(sandbox::Sandbox& made, const helper::Helper& helper,
                  attach::Attachments& attachments, observe::Hub& hub, SandboxReport& report,
                  boost::asio::io_context& loop);

  /// Runs the loop until the program has ended, or can't go on. Its status.
  [[nodiscard]] int to_the_end();

 private:
  void settle();
  void end_with_fault(const std::string& why);
  void await_signal();
  void await_event();
  bool take_event();
  void await_look();
  bool take_events();

  sandbox::Sandbox& made_;
  attach::Attachments& attachments_;
  SandboxReport& report_;
  std::unique_ptr<observe::Tap> tap_;
  boost::asio::io_context& loop_;
  boost::asio::signal_set signals_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::posix::stream_descriptor helper_gone_;
  boost::asio::steady_timer look_;
  int status_;
};

}  // namespace nxgate::app
