// Detecting a container's network namespace before its first process runs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::containers {

/// Watches the directory in which an engine keeps the namespaces of its containers, also when it
/// doesn't exist yet or is made anew. `appeared` is called with the path of each namespace as soon
/// as it is one (the file comes first, the mount a moment later). One thread.
class NetnsWatch {
 public:
  /// `inotify` is used if there is one, else `start` opens it. Linux counts them per user, so one
  /// that was opened before root is dropped doesn't count for the later user.
  NetnsWatch(boost::asio::io_context& loop, std::string directory,
             std::function<void(const std::string& path)> appeared, sys::Descriptor inotify = {});
  ~NetnsWatch();
  NetnsWatch(const NetnsWatch&) = delete;
  NetnsWatch& operator=(const NetnsWatch&) = delete;

  [[nodiscard]] static sys::Descriptor open_inotify() noexcept;

  /// After an error it can be tried again.
  [[nodiscard]] Result<void> start();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace nxgate::containers
