#include "attach/dns_service.h"

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "attach/service.h"
#include "base/address.h"
#include "base/error.h"
#include "netfilter/gate.h"
#include "serve/worker_context.h"
#include "sys/netns.h"
#include "sys/socket.h"
#include "workers/workers.h"

namespace nxgate::attach {
namespace {

/// UDP and TCP on one loopback address, each on a port that the kernel chooses.
Result<serve::OpenListener> open_at(const char* address, const sys::NetnsRef& netns,
                                    const std::string& policy) {
  serve::OpenListener open{
      .listener = {{Endpoint::parse(address, 0).value(), {}, netns}, policy}, .udp = {}, .tcp = {}};
  for (const auto& [kind, socket] :
       {std::pair(sys::SocketKind::kUdp, &open.udp), std::pair(sys::SocketKind::kTcp, &open.tcp)}) {
    auto opened = sys::open_listener(kind, open.listener.at, sys::Sharing::kNobody);
    if (!opened) return std::unexpected(opened.error());
    *socket = *std::move(opened);
  }
  return open;
}

class Listeners final : public Service::Sockets {
 public:
  Listeners(workers::Workers& workers, serve::OpenListener v4,
            std::optional<serve::OpenListener> v6)
      : workers_(workers), v4_(std::move(v4)), v6_(std::move(v6)) {}

  [[nodiscard]] netfilter::GatePorts ports() const override {
    netfilter::GatePorts ports{.udp4 = sys::local_port(v4_.udp), .tcp4 = sys::local_port(v4_.tcp)};
    if (v6_) {
      ports.udp6 = sys::local_port(v6_->udp);
      ports.tcp6 = sys::local_port(v6_->tcp);
    }
    return ports;
  }
  void serve() override {
    workers_.adopt(std::move(v4_));
    if (v6_) workers_.adopt(*std::move(v6_));
  }

 private:
  workers::Workers& workers_;
  serve::OpenListener v4_;
  std::optional<serve::OpenListener> v6_;
};

}  // namespace

Result<std::unique_ptr<Service::Sockets>> DnsService::open(const sys::NetnsRef& netns,
                                                           const std::string& key) {
  auto v4 = open_at("127.0.0.1", netns, key);
  if (!v4) return std::unexpected(v4.error());
  // A namespace without IPv6 has no ::1.
  auto v6 = open_at("::1", netns, key);
  return std::make_unique<Listeners>(workers_, *std::move(v4),
                                     v6 ? std::optional(*std::move(v6)) : std::nullopt);
}

}  // namespace nxgate::attach
