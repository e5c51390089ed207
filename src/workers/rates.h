// Recent rates per second.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "workers/workers.h"

namespace nxgate::workers {

/// Sums of the workers' counters, noted once a second, of which the last ten are kept. One thread.
class Rates {
 public:
  struct Sums {
    std::uint64_t queries = 0;
    std::uint64_t denied = 0;
    std::uint64_t forwarded = 0;
    std::uint64_t failed = 0;
  };
  struct PerSecond {
    double queries = 0;
    double denied = 0;
    double forwarded = 0;
    double failed = 0;
  };

  Rates(boost::asio::io_context& loop, const Workers& workers);

  /// On average of the last ten seconds, or of as many as there were.
  [[nodiscard]] PerSecond per_second() const noexcept;

 private:
  void note();
  void wait();

  const Workers& workers_;
  boost::asio::steady_timer timer_;
  std::array<Sums, 11> noted_{};
  std::size_t count_ = 0;
};

}  // namespace nxgate::workers
