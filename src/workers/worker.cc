#include "workers/worker.h"

#include <cstddef>
#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "helper/confinement.h"
#include "serve/worker_context.h"
#include "telemetry/counters.h"

namespace nxgate::workers {
namespace {

constexpr Milliseconds kDrainCheck{5};

}  // namespace

Worker::Worker(Shared& shared, std::vector<serve::Listener> listeners,
               telemetry::Counters& counters, std::size_t number)
    : forwarder_(loop_, shared.forwarding, shared.snapshots, shared.cache),
      engine_(shared.snapshots, shared.cache, forwarder_, counters, shared.budget,
              &shared.hub.observer(number)),
      handler_(engine_),
      server_(loop_, handler_, std::move(listeners), shared.tcp_limits, shared.tcp, number == 0,
              shared.rate_limit ? &*shared.rate_limit : nullptr),
      drained_(loop_) {}

Worker::~Worker() = default;

void Worker::run(helper::Confinement confinement) {
  std::latch confined{1};
  thread_ = std::jthread([this, confinement, &confined] {
    if (auto done = helper::confine_worker(confinement); !done) {
      log::warning("{}", done.error().message);
    }
    confined.count_down();
    const auto work = boost::asio::make_work_guard(loop_);
    loop_.run();
  });
  confined.wait();
}

void Worker::refresh() {
  boost::asio::post(loop_, [this] {
    handler_.refresh();
    forwarder_.refresh();
  });
}

void Worker::ask(std::function<void()> answer) { boost::asio::post(loop_, std::move(answer)); }

void Worker::adopt(serve::OpenListener open) {
  boost::asio::post(
      loop_, [this, adopted = std::move(open)]() mutable { server_.adopt(std::move(adopted)); });
}

void Worker::abandon(const std::string& policy) {
  boost::asio::post(loop_, [this, policy] { server_.abandon(policy); });
}

void Worker::stop(Instant deadline) {
  boost::asio::post(loop_, [this, deadline] {
    server_.stop();
    drain(deadline);
  });
}

void Worker::drain(Instant deadline) {
  if (server_.drained() || Clock::now() >= deadline) return loop_.stop();
  drained_.expires_after(kDrainCheck);
  drained_.async_wait([this, deadline](const boost::system::error_code&) { drain(deadline); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace nxgate::workers
