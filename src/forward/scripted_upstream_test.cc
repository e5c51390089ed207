// The hostile server of this room's tests; no test of its own.
#include "forward/scripted_upstream.h"

#include <array>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nxgate::forward {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

std::uint16_t bind_to(int socket, std::uint16_t port) {
  sockaddr_in at = loopback(port);
  socklen_t length = sizeof at;
  if (::bind(socket, reinterpret_cast<sockaddr*>(&at), length) != 0) return 0;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &length);
  return ntohs(at.sin_port);
}

}  // namespace

ScriptedUpstream::ScriptedUpstream(Script script, bool tcp) : script_(std::move(script)) {
  std::uint16_t port = 0;
  for (int tries = 0; port == 0 && tries < 100; ++tries) {
    tcp_ = sys::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    udp_ = sys::Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    port = bind_to(udp_.get(), bind_to(tcp_.get(), 0));
  }
  const int room = 1 << 20;  // for bursts; as much of it as there may be
  ::setsockopt(udp_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (tcp) {
    ::listen(tcp_.get(), 16);
  } else {
    tcp_ = {};
  }
  endpoint_ = {IpAddress::v4({127, 0, 0, 1}), port};
  thread_ = std::thread([this] { run(); });
}

ScriptedUpstream::~ScriptedUpstream() {
  stop_ = true;
  thread_.join();
}

std::vector<ScriptedUpstream::Seen> ScriptedUpstream::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

void ScriptedUpstream::script(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

void ScriptedUpstream::run() {
  while (!stop_) {
    std::array<pollfd, 2> wait{{{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}}};
    ::poll(wait.data(), wait.size(), 10);
    if ((wait[0].revents & POLLIN) != 0) serve_udp();
    if ((wait[1].revents & POLLIN) != 0) serve_tcp();
  }
}

void ScriptedUpstream::serve_udp() {
  Seen seen{.query = Packet(4096)};
  sockaddr_in client{};
  socklen_t length = sizeof client;
  const auto size = ::recvfrom(udp_.get(), seen.query.data(), seen.query.size(), MSG_DONTWAIT,
                               reinterpret_cast<sockaddr*>(&client), &length);
  if (size < 0) return;
  seen.query.resize(static_cast<std::size_t>(size));
  seen.client_port = ntohs(client.sin_port);
  for (const Packet& reply : react(std::move(seen))) {
    ::sendto(udp_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&client),
             length);
  }
}

void ScriptedUpstream::serve_tcp() {
  const sys::Descriptor client(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  Seen seen{.query = Packet(2), .tcp = true};
  if (::recv(client.get(), seen.query.data(), 2, MSG_WAITALL) != 2) return;
  seen.query.resize(static_cast<std::size_t>(seen.query[0] << 8 | seen.query[1]));
  const auto size = ::recv(client.get(), seen.query.data(), seen.query.size(), MSG_WAITALL);
  if (size != static_cast<ssize_t>(seen.query.size())) return;
  for (const Packet& reply : react(std::move(seen))) {
    const std::array<std::uint8_t, 2> prefix{static_cast<std::uint8_t>(reply.size() >> 8),
                                             static_cast<std::uint8_t>(reply.size())};
    // Byte by byte at first, so that the reader has to put the pieces together.
    ::send(client.get(), prefix.data(), 1, MSG_NOSIGNAL);
    ::usleep(1000);
    ::send(client.get(), prefix.data() + 1, 1, MSG_NOSIGNAL);
    ::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
  }
}

std::vector<Packet> ScriptedUpstream::react(Seen seen) {
  Script script;
  {
    const std::lock_guard lock(mutex_);
    seen_.push_back(seen);
    script = script_;
  }
  return script(seen);
}

std::size_t question_end(const Packet& query) {
  std::size_t at = 12;
  while (query[at] != 0) at += 1U + query[at];
  return at + 5;
}

Packet empty_reply(const Packet& query, std::uint16_t flags) {
  Packet reply(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(question_end(query)));
  reply[2] = static_cast<std::uint8_t>(0x81 | flags >> 8);
  reply[3] = static_cast<std::uint8_t>(0x80 | flags);
  reply[11] = 0;
  return reply;
}

Packet address_reply(const Packet& query) {
  Packet reply = empty_reply(query, 0);
  reply[7] = 1;
  for (const int byte : {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1}) {
    reply.push_back(static_cast<std::uint8_t>(byte));
  }
  return reply;
}

}  // namespace nxgate::forward
