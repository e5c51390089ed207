// The sockets of the control API, opened as root and served later.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <sys/types.h>

#include "base/census.h"
#include "base/error.h"
#include "config/settings.h"
#include "control/control_api.h"
#include "http/server.h"
#include "sys/descriptor.h"

namespace nxgate::control {

/// As far as they are wanted.
struct ControlSockets {
  sys::Descriptor api;
  sys::Descriptor metrics;
};

/// The connections to each of them.
struct ControlRoom {
  std::shared_ptr<Census> api = std::make_shared<Census>(http::Server::kLimits);
  std::shared_ptr<Census> metrics = std::make_shared<Census>(http::Server::kLimits);
};

/// Opens them, before root is given up. A socket that wasn't configured is no error if it can't be
/// opened: other servers may run here.
[[nodiscard]] Result<ControlSockets> open_control(const config::ControlSettings& settings);

/// Serves at them. Main thread; loop and API must outlive it.
class ControlServers {
 public:
  ControlServers(boost::asio::io_context& loop, ControlApi& api, ControlSockets sockets,
                 const config::ControlSettings& settings, const ControlRoom& room);
  /// Removes the unix socket, if its directory allows it.
  ~ControlServers();
  ControlServers(const ControlServers&) = delete;
  ControlServers& operator=(const ControlServers&) = delete;

 private:
  std::string path_;
  dev_t device_ = 0;  ///< where our socket is, so that no other is taken away in its place
  ino_t inode_ = 0;
  MetricsPage page_;
  std::unique_ptr<http::Server> api_;
  std::unique_ptr<http::Server> metrics_;
};

}  // namespace nxgate::control
