// A server for tests that answers one request with given octets.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <sys/socket.h>

namespace nxgate::http {

/// Sends the pieces one after another and closes the connection, or keeps it until the client has
/// gone. Its thread ends with the first connection.
class ScriptedServer {
 public:
  enum class Then { kClose, kStay };

  ScriptedServer(const std::string& path, std::vector<std::string> pieces, Then then = Then::kClose)
      : acceptor_(loop_, Local::endpoint(path)),
        thread_([this, pieces = std::move(pieces), then] { answer(pieces, then); }) {}
  ~ScriptedServer() { ::shutdown(acceptor_.native_handle(), SHUT_RDWR); }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  /// What was asked; waits for the connection's end.
  [[nodiscard]] const std::string& request() {
    if (thread_.joinable()) thread_.join();
    return request_;
  }

 private:
  using Local = boost::asio::local::stream_protocol;

  void answer(const std::vector<std::string>& pieces, Then then) {
    boost::system::error_code error;
    Local::socket socket(loop_);
    acceptor_.accept(socket, error);
    if (error) return;
    boost::asio::read_until(socket, boost::asio::dynamic_buffer(request_), "\r\n\r\n", error);
    for (const std::string& piece : pieces) {
      boost::asio::write(socket, boost::asio::buffer(piece), error);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::array<char, 64> ignored{};
    while (then == Then::kStay && !error) socket.read_some(boost::asio::buffer(ignored), error);
  }

  boost::asio::io_context loop_{1};
  Local::acceptor acceptor_;
  std::string request_;
  std::jthread thread_;
};

}  // namespace nxgate::http
