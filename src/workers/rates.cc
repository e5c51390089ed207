#include "workers/rates.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include "base/clock.h"
#include "telemetry/counters.h"
#include "workers/workers.h"

namespace nxgate::workers {

using telemetry::Counter;

Rates::Rates(boost::asio::io_context& loop, const Workers& workers)
    : workers_(workers), timer_(loop) {
  note();
  wait();
}

void Rates::note() {
  const auto total = [this](Counter counter) { return workers_.total(counter); };
  noted_[count_++ % noted_.size()] = {
      .queries = total(Counter::kUdpQueries) + total(Counter::kTcpQueries),
      .denied = total(Counter::kDenied) + total(Counter::kNoData),
      .forwarded = total(Counter::kForwarded),
      .failed = total(Counter::kUpstreamFailures),
  };
}

void Rates::wait() {
  timer_.expires_after(Seconds(1));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    note();
    wait();
  });
}

Rates::PerSecond Rates::per_second() const noexcept {
  const std::size_t span = std::min(count_, noted_.size()) - 1;
  if (span == 0) return {};
  const Sums& last = noted_[(count_ - 1) % noted_.size()];
  const Sums& first = noted_[(count_ - 1 - span) % noted_.size()];
  const auto rate = [span](std::uint64_t later, std::uint64_t earlier) {
    return static_cast<double>(later - earlier) / static_cast<double>(span);
  };
  return {.queries = rate(last.queries, first.queries),
          .denied = rate(last.denied, first.denied),
          .forwarded = rate(last.forwarded, first.forwarded),
          .failed = rate(last.failed, first.failed)};
}

}  // namespace nxgate::workers
