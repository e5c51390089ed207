// One connection of a client, as a session reads and writes it.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <tuple>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "base/bytes.h"
#include "engine/engine.h"

namespace nxgate::serve {

/// Bytes in order, both ways. Used by the thread of its executor.
class Stream {
 public:
  using Written = std::function<void(const boost::system::error_code& error)>;

  virtual ~Stream() = default;

  [[nodiscard]] virtual engine::Transport transport() const noexcept = 0;
  [[nodiscard]] virtual boost::asio::any_io_executor executor() = 0;
  [[nodiscard]] virtual bool open() const noexcept = 0;

  /// Waits until there is something, and how many bytes of it are in `room` then; asio's `eof` once
  /// the client has closed its side, or after `end_input`.
  [[nodiscard]] virtual boost::asio::awaitable<std::tuple<boost::system::error_code, std::size_t>>
  read_some(MutableBytes room) = 0;
  /// Takes as much as it can without waiting, which may be nothing; no value once it is broken.
  [[nodiscard]] virtual std::expected<std::size_t, boost::system::error_code> send_some(
      Bytes bytes) noexcept = 0;
  /// Sends all of them, which must stay until `written` is called. One at a time.
  virtual void send(Bytes bytes, Written written) = 0;

  /// Ends a read that waits, and all later ones; what is there to be sent still is.
  virtual void end_input() noexcept = 0;
  virtual void close() noexcept = 0;
};

}  // namespace nxgate::serve
