// How coroutines wait for an operation.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace nxgate {

/// An operation that is awaited so gives its error as the first of what it gives; none throws.
inline constexpr auto kNoThrow = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace nxgate
