#include "sys/handed_sockets.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "sys/descriptor.h"
#include "sys/environment.h"
#include "sys/socket.h"

namespace nxgate::sys {
namespace {

/// More are no sockets of ours but a slip.
constexpr int kMostHanded = 1024;

template <class Value>
std::optional<Value> option(int socket, int level, int name) {
  Value value{};
  socklen_t size = sizeof value;
  if (::getsockopt(socket, level, name, &value, &size) != 0) return std::nullopt;
  return value;
}

bool is_set(int socket, int level, int name) {
  return option<int>(socket, level, name).value_or(0) != 0;
}

std::optional<SocketKind> kind_of(int socket) {
  const auto family = option<int>(socket, SOL_SOCKET, SO_DOMAIN);
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  const auto protocol = option<int>(socket, SOL_SOCKET, SO_PROTOCOL);
  if (protocol == IPPROTO_UDP) return SocketKind::kUdp;
  if (protocol == IPPROTO_TCP) return SocketKind::kTcp;
  return std::nullopt;
}

bool is_connected(int socket) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
}

std::string interface_of(int socket) {
  std::array<char, IFNAMSIZ> name{};
  socklen_t size = name.size();
  if (::getsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, name.data(), &size) != 0) return {};
  return name.data();
}

/// A kernel without the option (before 5.14) leaves us with the ordinary case: it is ours.
bool in_our_namespace(int socket) {
  const Descriptor ours(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return option<std::uint64_t>(socket, SOL_SOCKET, SO_NETNS_COOKIE) ==
         option<std::uint64_t>(ours.get(), SOL_SOCKET, SO_NETNS_COOKIE);
}

bool is_shareable(int socket) {
  struct stat status{};
  return is_set(socket, SOL_SOCKET, SO_REUSEPORT) && ::fstat(socket, &status) == 0 &&
         status.st_uid == ::geteuid() && in_our_namespace(socket);
}

Result<HandedSocket> examined(HandedSocket handed) {
  const int socket = handed.socket.get();
  const auto refused = [&](std::string_view why) {
    return fail(fmt::format("{}, handed over by the service manager, {}", handed.name, why));
  };
  if (!option<int>(socket, SOL_SOCKET, SO_TYPE)) return refused("is no socket");
  const auto kind = kind_of(socket);
  if (!kind) return refused("is neither a UDP nor a TCP socket");
  handed.kind = *kind;
  handed.endpoint = local_endpoint(handed.socket);
  handed.interface = interface_of(socket);
  handed.shareable = is_shareable(socket);
  const ListenAddress at{.endpoint = handed.endpoint, .interface = handed.interface, .netns = {}};
  handed.name += fmt::format(", {}/{}", at.to_string(), name_of(*kind));
  if (is_connected(socket)) return refused("is a connection: set Accept=no in its unit");
  if (handed.endpoint.port == 0) return refused("is not bound to a port");
  if (!handed.endpoint.address.is_v4() && at.wildcard() &&
      !is_set(socket, IPPROTO_IPV6, IPV6_V6ONLY)) {
    return refused(
        "also accepts IPv4: set BindIPv6Only=ipv6-only in its unit and add a second socket for "
        "IPv4");
  }
  return handed;
}

/// The name of each descriptor: `socket 4 (dns.socket)`.
std::vector<std::string> names_of(std::string_view given, int first, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    const std::size_t end = given.find(':');
    const std::string_view name = given.substr(0, end);
    given.remove_prefix(end == std::string_view::npos ? given.size() : end + 1);
    names.push_back(fmt::format("socket {}", first + i));
    if (!name.empty()) names.back() += fmt::format(" ({})", escaped(name));
  }
  return names;
}

}  // namespace

ListenEnvironment ListenEnvironment::take() {
  return {.count = take_variable("LISTEN_FDS"),
          .process = take_variable("LISTEN_PID"),
          .names = take_variable("LISTEN_FDNAMES")};
}

Result<std::vector<HandedSocket>> take_handed_sockets(const ListenEnvironment& said, int first) {
  std::vector<HandedSocket> sockets;
  if (said.count.empty() || to_number<pid_t>(said.process) != ::getpid()) return sockets;
  const int count = to_number<int>(said.count).value_or(-1);
  if (count < 0 || count > kMostHanded) {
    return fail(fmt::format("LISTEN_FDS is '{}', which is not a number of sockets", said.count));
  }
  for (std::string& name : names_of(said.names, first, count)) {
    HandedSocket& handed = sockets.emplace_back();
    handed.name = std::move(name);
    handed.socket = Descriptor(first + static_cast<int>(sockets.size()) - 1);
    (void)::fcntl(handed.socket.get(), F_SETFD, FD_CLOEXEC);
  }
  for (HandedSocket& handed : sockets) {
    auto good = examined(std::move(handed));
    if (!good) return std::unexpected(good.error());
    handed = *std::move(good);
  }
  return sockets;
}

}  // namespace nxgate::sys
