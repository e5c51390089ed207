#include "app/control_socket.h"

#include <expected>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/server.h"
#include "admin/socket.h"
#include "app/panel.h"
#include "base/error.h"
#include "base/log.h"

namespace nxgate::app {

Result<ControlSockets> open_control(const config::ControlSettings& settings) {
  ControlSockets sockets;
  if (!settings.socket.empty()) {
    auto opened = admin::listen_unix(settings.socket, settings.group);
    if (opened) {
      sockets.panel = *std::move(opened);
    } else if (settings.implied) {
      log::info("no control socket: {}; `--control PATH` names another", opened.error().message);
    } else {
      return fail("control: " + opened.error().message);
    }
  }
  if (settings.metrics) {
    auto opened = admin::listen_tcp(*settings.metrics);
    if (!opened) return fail("control.metrics: " + opened.error().message);
    sockets.metrics = *std::move(opened);
  }
  return sockets;
}

ControlServers::ControlServers(boost::asio::io_context& loop, Panel& panel, ControlSockets sockets,
                               const config::ControlSettings& settings)
    : path_(settings.socket), page_(panel) {
  if (struct stat ours{}; ::lstat(path_.c_str(), &ours) == 0) {
    device_ = ours.st_dev;
    inode_ = ours.st_ino;
  }
  if (sockets.panel) panel_ = admin::Server::at_unix(loop, panel, std::move(sockets.panel));
  if (sockets.metrics) {
    metrics_ = admin::Server::at_tcp(loop, page_, std::move(sockets.metrics),
                                     !settings.metrics->address.is_v4());
  }
}

ControlServers::~ControlServers() {
  struct stat there{};
  const bool ours = panel_ && ::lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ &&
                    there.st_ino == inode_;
  if (ours) (void)::unlink(path_.c_str());
}

}  // namespace nxgate::app
