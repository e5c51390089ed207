#include "forward/alarm.h"

#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include "base/clock.h"

namespace nxgate::forward {

Alarms::Alarms(boost::asio::io_context& loop)
    : timer_(std::make_shared<boost::asio::steady_timer>(loop)) {}

void Alarms::set(Alarm& alarm, Instant at) {
  alarm.unlink();
  alarm.at_ = at;
  alarms_.insert(alarms_.end(), alarm);  // mostly the latest of all
  if (at < armed_) arm();
}

/// A timer that rings for nobody, since its alarm was called off, is cheaper than setting it back.
void Alarms::arm() {
  if (alarms_.empty()) return;
  armed_ = alarms_.begin()->at_;
  timer_->expires_at(armed_);
  timer_->async_wait([this, alive = std::weak_ptr(timer_)](const boost::system::error_code& error) {
    if (!error && !alive.expired()) ring_due();
  });
}

void Alarms::ring_due() {
  const Instant now = Clock::now();
  armed_ = Instant::min();  // whatever is set meanwhile waits for the end of this
  while (!alarms_.empty() && alarms_.begin()->at_ <= now) {
    Alarm& alarm = *alarms_.begin();
    alarm.unlink();
    alarm.ring();
  }
  armed_ = Instant::max();
  arm();
}

}  // namespace nxgate::forward
