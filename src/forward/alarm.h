// Timeouts.
#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/set.hpp>

#include "base/clock.h"

namespace nxgate::forward {

/// A callback at a point in time. Its destruction cancels it.
class Alarm : public boost::intrusive::set_base_hook<
                  boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// Called at that time. The alarm is no longer set, and may be set again or destroyed here.
  virtual void ring() = 0;

 protected:
  ~Alarm() = default;

 private:
  friend class Alarms;
  friend bool operator<(const Alarm& left, const Alarm& right) noexcept {
    return left.at_ < right.at_;
  }

  Instant at_;
};

/// The alarms of one loop over a single timer, since most are cancelled before they expire: setting
/// and cancelling allocates nothing and makes no system call, unless an alarm is the first of all.
/// One thread; destroy it before its loop.
class Alarms {
 public:
  explicit Alarms(boost::asio::io_context& loop);
  Alarms(const Alarms&) = delete;
  Alarms& operator=(const Alarms&) = delete;

  /// Sets `alarm`, or changes its time.
  void set(Alarm& alarm, Instant at);
  static void call_off(Alarm& alarm) noexcept { alarm.unlink(); }

 private:
  void arm();
  void ring_due();

  boost::intrusive::multiset<Alarm, boost::intrusive::constant_time_size<false>> alarms_;
  std::shared_ptr<boost::asio::steady_timer> timer_;  ///< also tells its handler that we live
  Instant armed_ = Instant::max();
};

}  // namespace nxgate::forward
