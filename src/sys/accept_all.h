// Accepting connections on a loop.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/core.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/no_throw.h"

namespace nxgate::sys {

/// Gives `serve` each connection and its other end, until the acceptor is closed. What fails, above
/// all for want of descriptors, is logged behind `cannot`, and tried again after a pause. One
/// thread, which runs the acceptor's loop.
template <class Acceptor, class Serve>
boost::asio::awaitable<void> accept_all(std::shared_ptr<Acceptor> acceptor, std::string cannot,
                                        Serve serve) {
  namespace asio = boost::asio;
  constexpr Milliseconds kPause{250};
  while (acceptor->is_open()) {
    typename Acceptor::endpoint_type remote;
    auto [error, socket] = co_await acceptor->async_accept(remote, kNoThrow);
    if (error == asio::error::operation_aborted) co_return;
    if (!error) {
      serve(std::move(socket), remote);
      continue;
    }
    log::repeated(cannot, fmt::format("{}: {}; see `ulimit -n`", cannot, error.message()));
    asio::steady_timer pause(acceptor->get_executor(), kPause);
    co_await pause.async_wait(kNoThrow);
  }
}

}  // namespace nxgate::sys
