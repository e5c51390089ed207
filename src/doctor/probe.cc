#include "doctor/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/netns.h"
#include "sys/socket.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"
#include "wire/writer.h"

namespace nxgate::doctor {
namespace {

constexpr unsigned kRejecting = 0x200;  // RTF_REJECT of linux/ipv6_route.h and route.h

Milliseconds since(Instant began) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - began);
}

Reaction reaction_to(int error) {
  switch (error) {
    case ECONNREFUSED:
      return Reaction::kRefused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
      return Reaction::kNoRoute;
    case EPERM:
      return Reaction::kBlocked;
    default:
      return Reaction::kFailed;
  }
}

struct Question {
  std::array<std::uint8_t, 512> message{};
  std::size_t size = 0;
  std::uint16_t id = 0;

  explicit Question(const wire::DomainName& name)
      : id(static_cast<std::uint16_t>(randombytes_uniform(65536))) {
    wire::Writer writer(message);
    for (const std::uint16_t word : {id, wire::header_flag::kRecursionDesired, std::uint16_t{1},
                                     std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}}) {
      writer.u16(word);
    }
    writer.bytes(name.wire());
    writer.u16(static_cast<std::uint16_t>(wire::Type::kA));
    writer.u16(static_cast<std::uint16_t>(wire::Class::kIn));
    size = writer.written().size();
  }
};

/// Takes what came; false for what is no answer to the question.
bool take_answer(const sys::Descriptor& socket, std::uint16_t id, ProbeResult& result) {
  std::array<std::uint8_t, 4096> answer{};
  const ssize_t size = ::recv(socket.get(), answer.data(), answer.size(), 0);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    result.reaction = reaction_to(errno);
    return true;
  }
  if (static_cast<std::size_t>(size) < wire::kHeaderSize) return false;
  if ((answer[0] << 8 | answer[1]) != id || (answer[2] << 8 & wire::header_flag::kResponse) == 0)
    return false;
  result.reaction = Reaction::kAnswered;
  result.rcode = wire::Rcode{static_cast<std::uint16_t>(answer[3] & 15)};
  return true;
}

/// A field of a line of /proc/net/route or ipv6_route.
std::string field(const std::string& line, std::size_t index) {
  std::size_t at = 0;
  for (std::size_t i = 0; i <= index; ++i) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string::npos) return {};
    const auto end = std::min(line.find_first_of(" \t", at), line.size());
    if (i == index) return line.substr(at, end - at);
    at = end;
  }
  return {};
}

/// Where the kernel tells the routes of one family, and in which fields.
struct RouteFile {
  const char* path;  ///< of thread-self, since the other threads are elsewhere
  std::size_t destination;
  std::size_t length;  ///< or mask
  std::size_t flags;
  std::size_t device;
};
constexpr RouteFile kIpv4Routes{"/proc/thread-self/net/route", 1, 7, 3, 0};
constexpr RouteFile kIpv6Routes{"/proc/thread-self/net/ipv6_route", 0, 1, 8, 9};

bool is_zero(std::string_view digits) {
  return !digits.empty() && digits.find_first_not_of('0') == std::string_view::npos;
}

bool is_rejecting(const std::string& flags) {
  unsigned bits = 0;
  (void)std::from_chars(flags.data(), flags.data() + flags.size(), bits, 16);
  return (bits & kRejecting) != 0;
}

/// Whether there is one that leads anywhere but to lo.
bool has_default_route(const RouteFile& routes) {
  std::ifstream file(routes.path);
  for (std::string line; std::getline(file, line);) {
    if (is_zero(field(line, routes.destination)) && is_zero(field(line, routes.length)) &&
        !is_rejecting(field(line, routes.flags)) && field(line, routes.device) != "lo") {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<std::vector<ProbeResult>> probe(const sys::NetnsRef& netns,
                                       const std::vector<Endpoint>& servers, std::string_view name,
                                       Milliseconds patience) {
  const auto parsed = wire::DomainName::from_text(name);
  if (!parsed) return fail(std::string(name) + ": " + std::string(parsed.error()));
  if (auto there = netns.open(); !there) return std::unexpected(there.error());
  const Question question(*parsed);
  const Instant began = Clock::now();
  std::vector<ProbeResult> results;
  std::vector<sys::Descriptor> sockets;
  std::vector<pollfd> waiting;
  for (const Endpoint& server : servers) {
    ProbeResult& result = results.emplace_back();
    result.server = server;
    auto socket = sys::open_upstream_socket(sys::SocketKind::kUdp, server, netns);
    const bool sent =
        socket && ::send(socket->get(), question.message.data(), question.size, 0) > 0;
    if (!sent) result.reaction = reaction_to(socket ? errno : socket.error().value());
    sockets.push_back(sent ? *std::move(socket) : sys::Descriptor());
    // A descriptor of -1 is passed over.
    waiting.push_back({.fd = sockets.back().get(), .events = POLLIN, .revents = 0});
  }
  const auto is_waiting = [](const pollfd& each) { return each.fd >= 0; };
  while (std::ranges::any_of(waiting, is_waiting)) {
    const Milliseconds left = patience - since(began);
    if (left.count() <= 0) break;
    // An interrupted or fruitless wait is told by the sockets, of which none has anything then.
    (void)::poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].fd < 0 || !take_answer(sockets[i], question.id, results[i])) continue;
      results[i].elapsed = since(began);
      waiting[i].fd = -1;
    }
  }
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (is_waiting(waiting[i])) results[i].elapsed = patience;
  }
  return results;
}

Result<DefaultRoutes> default_routes(const sys::NetnsRef& netns) {
  DefaultRoutes routes;
  const Result<void> entered = sys::in_netns(netns, [&routes] {
    routes.v4 = has_default_route(kIpv4Routes);
    routes.v6 = has_default_route(kIpv6Routes);
  });
  if (!entered) return std::unexpected(entered.error());
  return routes;
}

}  // namespace nxgate::doctor
