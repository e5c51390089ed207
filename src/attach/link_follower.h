// Calls back at once when the links of an attached namespace change.
#pragma once

#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "netfilter/link_watch.h"
#include "serve/readiness.h"

namespace nxgate::attach {

/// Waits for a LinkWatch on the loop. `changed` is called at once, and once for all that came
/// together. A program that changes links continuously gets a fifth of the loop's time after the
/// first quarter of a second of it. Destroying it from `changed` isn't allowed. One thread.
class LinkFollower {
 public:
  LinkFollower(boost::asio::io_context& loop, netfilter::LinkWatch watch,
               std::function<void()> changed);
  ~LinkFollower();
  LinkFollower(const LinkFollower&) = delete;
  LinkFollower& operator=(const LinkFollower&) = delete;

 private:
  void wait();
  void look();

  netfilter::LinkWatch watch_;
  std::function<void()> changed_;
  serve::Readiness readable_;
  boost::asio::steady_timer pause_;
  Instant rested_;  ///< when there has been a rest for all that was done
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace nxgate::attach
