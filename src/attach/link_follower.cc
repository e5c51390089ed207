#include "attach/link_follower.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include "base/clock.h"
#include "netfilter/link_watch.h"

namespace nxgate::attach {

namespace {

/// How many times as long as looking takes is to rest, and how much rest may be owed.
constexpr int kRest = 4;
constexpr Seconds kMostOwed{1};

}  // namespace

LinkFollower::LinkFollower(boost::asio::io_context& loop, netfilter::LinkWatch watch,
                           std::function<void()> changed)
    : watch_(std::move(watch)), changed_(std::move(changed)), readable_(loop), pause_(loop) {
  wait();
}

LinkFollower::~LinkFollower() = default;

void LinkFollower::wait() {
  readable_.wait(watch_.descriptor(),
                 [this, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
                   if (!error && !alive.expired()) look();
                 });
}

void LinkFollower::look() {
  const Instant began = Clock::now();
  if (watch_.changed()) changed_();
  const Instant now = Clock::now();
  rested_ = std::max(rested_, now) + kRest * (now - began);
  if (rested_ - now < kMostOwed) return wait();
  pause_.expires_at(rested_ - kMostOwed);
  pause_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (!error && !alive.expired()) wait();
  });
}

}  // namespace nxgate::attach
