#include "control/control_socket.h"

#include <expected>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "control/control_api.h"
#include "http/server.h"
#include "http/socket.h"

namespace nxgate::control {

Result<ControlSockets> open_control(const config::ControlSettings& settings) {
  ControlSockets sockets;
  if (!settings.socket.empty()) {
    auto opened = http::listen_unix(settings.socket, settings.group);
    if (opened) {
      sockets.api = *std::move(opened);
    } else if (settings.implied) {
      log::info("no control socket: {}; choose another with `--control PATH`",
                opened.error().message);
    } else {
      return fail("control: " + opened.error().message);
    }
  }
  if (settings.metrics) {
    auto opened = http::listen_tcp(*settings.metrics);
    if (!opened) return fail("control.metrics: " + opened.error().message);
    sockets.metrics = *std::move(opened);
  }
  return sockets;
}

ControlServers::ControlServers(boost::asio::io_context& loop, ControlApi& api,
                               ControlSockets sockets, const config::ControlSettings& settings,
                               const ControlRoom& room)
    : path_(settings.socket), page_(api) {
  if (struct stat ours{}; ::lstat(path_.c_str(), &ours) == 0) {
    device_ = ours.st_dev;
    inode_ = ours.st_ino;
  }
  if (sockets.api) {
    api_ = std::make_unique<http::Server>(loop, api, std::move(sockets.api), room.api);
  }
  if (sockets.metrics) {
    metrics_ =
        std::make_unique<http::Server>(loop, page_, std::move(sockets.metrics), room.metrics);
  }
}

ControlServers::~ControlServers() {
  struct stat there{};
  const bool ours = api_ && ::lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ &&
                    there.st_ino == inode_;
  if (ours) (void)::unlink(path_.c_str());
}

}  // namespace nxgate::control
