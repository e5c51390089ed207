#include "workers/inherited_listeners.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "serve/worker_context.h"
#include "sys/descriptor.h"
#include "sys/handed_sockets.h"
#include "sys/socket.h"
#include "workers/listeners.h"

namespace nxgate::workers {
namespace {

bool is_for(const sys::HandedSocket& socket, const serve::Listener& listener) {
  return listener.at.netns.own() && listener.at.endpoint == socket.endpoint &&
         listener.at.interface == socket.interface;
}

serve::OpenListener& entry_of(const serve::Listener& listener,
                              std::vector<serve::OpenListener>& open) {
  const auto found = std::ranges::find_if(
      open, [&](const serve::OpenListener& each) { return each.listener.at == listener.at; });
  if (found != open.end()) return *found;
  return open.emplace_back(serve::OpenListener{.listener = listener, .udp = {}, .tcp = {}});
}

}  // namespace

Result<InheritedListeners> match_inherited(const std::vector<serve::Listener>& listeners,
                                           std::vector<sys::HandedSocket> handed,
                                           std::size_t workers) {
  InheritedListeners inherited{.all = listeners, .shared = listeners, .open = {}};
  for (sys::HandedSocket& socket : handed) {
    const auto listener = std::ranges::find_if(
        listeners, [&](const serve::Listener& each) { return is_for(socket, each); });
    if (listener == listeners.end()) {
      return fail(fmt::format(
          "{}, handed over by the service manager, matches no listener; listeners are: {}",
          socket.name, listeners.empty() ? "none" : describe(listeners)));
    }
    serve::OpenListener& entry = entry_of(*listener, inherited.open);
    sys::Descriptor& place = socket.kind == sys::SocketKind::kUdp ? entry.udp : entry.tcp;
    if (place) {
      return fail(fmt::format("{} was handed over by the service manager twice", socket.name));
    }
    auto ready = sys::prepare_listener(socket.kind, socket.socket, listener->at);
    if (!ready) return std::unexpected(ready.error());
    place = std::move(socket.socket);
    if (socket.shareable) continue;
    const auto alone = std::erase_if(
        inherited.shared, [&](const serve::Listener& each) { return each.at == listener->at; });
    if (alone == 0 || workers == 1) continue;
    log::info(
        "{} is served by one worker: its socket was handed over and can't be shared (ReusePort=)",
        listener->at.to_string());
  }
  return inherited;
}

}  // namespace nxgate::workers
