// The socket where the runtime's hook requests that a container is attached before it starts.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "attach/controller.h"
#include "base/error.h"

namespace nxgate::attach {

/// A unix socket, mode 0600, that answers root alone. A hook sends one line, `PID CONTAINER-ID`,
/// and gets one back: empty when the container may start, else why not. Used by the thread that
/// runs the loop.
class HookListener {
 public:
  /// A socket that a dead nxgate left is replaced; one that is answered is an error.
  [[nodiscard]] static Result<std::unique_ptr<HookListener>> open(boost::asio::io_context& loop,
                                                                  const std::string& path,
                                                                  Controller& controller);
  ~HookListener();
  HookListener(const HookListener&) = delete;
  HookListener& operator=(const HookListener&) = delete;

 private:
  using Acceptor = boost::asio::local::stream_protocol::acceptor;

  HookListener(std::shared_ptr<Acceptor> acceptor, std::string path)
      : acceptor_(std::move(acceptor)), path_(std::move(path)) {}

  std::shared_ptr<Acceptor> acceptor_;
  std::string path_;
};

/// Sends the request for a container that is about to start, and waits for the answer.
[[nodiscard]] Result<void> ask_hook_listener(const std::string& path, pid_t pid,
                                             const std::string& container);

}  // namespace nxgate::attach
