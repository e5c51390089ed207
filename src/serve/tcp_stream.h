// A TCP connection as a stream.
#pragma once

#include <cstddef>
#include <expected>
#include <tuple>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include "base/bytes.h"
#include "engine/engine.h"
#include "serve/stream.h"

namespace nxgate::serve {

class TcpStream final : public Stream {
 public:
  explicit TcpStream(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

  [[nodiscard]] engine::Transport transport() const noexcept override {
    return engine::Transport::kTcp;
  }
  [[nodiscard]] boost::asio::any_io_executor executor() override { return socket_.get_executor(); }
  [[nodiscard]] bool open() const noexcept override { return socket_.is_open(); }
  [[nodiscard]] boost::asio::awaitable<std::tuple<boost::system::error_code, std::size_t>>
  read_some(MutableBytes room) override;
  [[nodiscard]] std::expected<std::size_t, boost::system::error_code> send_some(
      Bytes bytes) noexcept override;
  void send(Bytes bytes, Written written) override;
  void end_input() noexcept override;
  void close() noexcept override;

 private:
  boost::asio::ip::tcp::socket socket_;
};

}  // namespace nxgate::serve
