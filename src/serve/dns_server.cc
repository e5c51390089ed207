#include "serve/dns_server.h"

#include <algorithm>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include "base/client_key.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "serve/handler.h"
#include "serve/limits.h"
#include "serve/stream_session.h"
#include "serve/tcp_listener.h"
#include "serve/udp_listener.h"
#include "serve/worker_context.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::serve {

namespace asio = boost::asio;

namespace {

/// For what can't be opened before the helper is at work.
constexpr Milliseconds kSoon{100};

/// How often sessions and listeners are looked after: once a second, more often only where the
/// timeout is shorter than that makes sense for.
Milliseconds interval(const TcpLimits& limits) {
  return std::clamp(limits.idle / 4, Milliseconds(10), Milliseconds(1000));
}

template <class Open>
auto* find_open(Open& open, const Listener& listener) {
  const auto found =
      std::ranges::find(open, listener.at, [](const auto& o) { return o.listener.at; });
  return found == open.end() ? nullptr : &*found;
}

/// In a container, which only the helper finds.
bool may_come_later(const Listener& listener) { return !listener.at.netns.container().empty(); }

}  // namespace

std::shared_ptr<const Listener> served(Listener listener) {
  if (!listener.at.netns.own()) {
    listener.client =
        client_behind(listener.policy.empty() ? listener.at.to_string() : listener.policy);
  }
  return std::make_shared<const Listener>(std::move(listener));
}

Result<void> probe_free(std::span<const Listener> listeners, std::span<const OpenListener> open) {
  for (const Listener& listener : listeners) {
    if (may_come_later(listener)) continue;
    const OpenListener* const ours = find_open(open, listener);
    for (const sys::SocketKind kind : {sys::SocketKind::kUdp, sys::SocketKind::kTcp}) {
      if (ours != nullptr && (kind == sys::SocketKind::kUdp ? ours->udp : ours->tcp)) continue;
      if (auto free = sys::probe_free(kind, listener.at); !free) return free;
    }
  }
  return {};
}

DnsServer::DnsServer(asio::io_context& loop, Handler& handler, std::vector<Listener> listeners,
                     const TcpLimits& limits, TcpRoom& tcp, bool reports, RateLimit* rate_limit)
    : worker_{.loop = loop,
              .handler = handler,
              .limits = limits,
              .tcp = tcp,
              .rate_limit = rate_limit},
      timer_(std::make_shared<asio::steady_timer>(loop)),
      reports_(reports) {
  for (Listener& listener : listeners) {
    places_.emplace_back().listener = served(std::move(listener));
  }
}

DnsServer::~DnsServer() {
  for (Place& place : places_) close(place);
  for (const auto& weak : worker_.sessions) {
    if (const auto session = weak.lock()) session->close();
  }
}

Result<void> DnsServer::start(std::vector<OpenListener> given) {
  Milliseconds first_look = interval(worker_.limits);
  for (Place& place : places_) {
    if (may_come_later(*place.listener)) {
      first_look = std::min(first_look, kSoon);
      continue;
    }
    OpenListener none;
    OpenListener* const there = find_open(given, *place.listener);
    OpenListener& from = there == nullptr ? none : *there;
    if (auto opened = open(place, std::move(from.udp), std::move(from.tcp)); !opened) return opened;
    if (reports_) log::info("listening on {}", place.listener->at.to_string());
  }
  schedule(first_look);
  return {};
}

void DnsServer::stop() {
  stopped_ = true;
  for (const Place& place : places_) {
    if (place.udp) place.udp->stop_receiving();
    if (place.tcp) place.tcp->close();
  }
  for (const auto& weak : worker_.sessions) {
    if (const auto session = weak.lock()) session->drain();
  }
}

bool DnsServer::drained() const {
  return worker_.pending.use_count() == 1 && worker_.late.empty() &&
         std::ranges::none_of(worker_.sessions, [](const auto& weak) {
           const auto session = weak.lock();
           return session && session->open();
         });
}

void DnsServer::schedule(Milliseconds within) {
  timer_->expires_after(within);
  timer_->async_wait([this, alive = std::weak_ptr(timer_)](const boost::system::error_code&) {
    if (alive.expired()) return;
    close_overdue();
    for (Place& place : places_) {
      if (!stopped_) check(place);
    }
    schedule(interval(worker_.limits));
  });
}

void DnsServer::close_overdue() {
  const Instant now = Clock::now();
  std::erase_if(worker_.sessions, [now](const auto& weak) {
    const auto session = weak.lock();
    if (session && session->open() && session->overdue(now)) session->close();
    return !session || !session->open();
  });
}

/// Closes what is no more where it was, and opens what is closed.
void DnsServer::check(Place& place) {
  if (place.adopted) return;
  const std::string name = place.listener->at.to_string();
  if (place.udp) {
    if (still_there(place)) return;
    close(place);
    if (reports_) log::warning("{}: its namespace or interface is gone; waiting for it", name);
  }
  const bool again = place.opened;
  const auto opened = open(place);
  const std::string fault = opened || !place.netns ? "" : opened.error().message;
  const bool is_new = std::exchange(place.fault, fault) != fault && !fault.empty();
  if (!reports_) return;
  if (opened) log::info("listening on {}{}", name, again ? " again" : "");
  if (is_new) log::warning("{}", fault);
}

/// Opens both sockets or none. Where they are is noted first: if that changes meanwhile, the next
/// check finds out.
Result<void> DnsServer::open(Place& place, sys::Descriptor udp, sys::Descriptor tcp) {
  const sys::ListenAddress& at = place.listener->at;
  place.netns = at.netns.identity();
  place.interface = at.interface.empty() ? 0 : sys::interface_index(at.interface, at.netns);
  for (const sys::SocketKind kind : {sys::SocketKind::kUdp, sys::SocketKind::kTcp}) {
    sys::Descriptor& socket = kind == sys::SocketKind::kUdp ? udp : tcp;
    if (socket) continue;
    auto opened = sys::open_listener(kind, at, sys::Sharing::kWorkers);
    if (!opened) return std::unexpected(opened.error());
    socket = *std::move(opened);
  }
  serve_at(place, std::move(udp), std::move(tcp));
  return {};
}

void DnsServer::serve_at(Place& place, sys::Descriptor udp, sys::Descriptor tcp) {
  place.udp = std::make_shared<UdpListener>(std::move(udp), place.listener, worker_);
  place.tcp = std::make_shared<TcpListener>(std::move(tcp), place.listener, worker_);
  place.udp->start();
  place.tcp->start();
  place.opened = true;
}

void DnsServer::adopt(OpenListener open) {
  if (stopped_) return;
  Place place;
  place.listener = served(std::move(open.listener));
  place.adopted = true;
  serve_at(place, std::move(open.udp), std::move(open.tcp));
  places_.push_back(std::move(place));
}

void DnsServer::abandon(const std::string& policy) {
  std::erase_if(places_, [&policy](Place& place) {
    const bool ours = place.adopted && place.listener->policy == policy;
    if (ours) close(place);
    return ours;
  });
  for (const auto& weak : worker_.sessions) {
    const auto session = weak.lock();
    if (session && session->listener().policy == policy) session->close();
  }
}

void DnsServer::close(Place& place) {
  if (place.udp) std::exchange(place.udp, nullptr)->close();
  if (place.tcp) std::exchange(place.tcp, nullptr)->close();
}

bool DnsServer::still_there(const Place& place) {
  const sys::ListenAddress& at = place.listener->at;
  if (!at.netns.own() && at.netns.identity() != place.netns) return false;
  return at.interface.empty() || sys::interface_index(at.interface, at.netns) == place.interface;
}

}  // namespace nxgate::serve
