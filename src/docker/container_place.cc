#include "docker/container_place.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/error.h"
#include "containers/container.h"
#include "containers/namespaces.h"
#include "docker/container_reader.h"
#include "docker/engine_process.h"
#include "sys/descriptor.h"
#include "sys/netns.h"

namespace nxgate::docker {
namespace {

constexpr Milliseconds kPatience{3000};
constexpr std::size_t kLongestAnswer = 16UL << 20;
constexpr std::size_t kLongestHead = 16UL << 10;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::string reason(int error) { return std::generic_category().message(error); }

Result<sys::Descriptor> connect_to(const std::string& socket) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (socket.size() >= sizeof address.sun_path) return fail("the engine's socket has a long path");
  std::memcpy(address.sun_path, socket.data(), socket.size());
  sys::Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (!connection || ::connect(connection.get(), generic, sizeof address) != 0) {
    return fail(
        fmt::format("can't be looked for: no Docker engine at {}: {}", socket, reason(errno)));
  }
  return connection;
}

/// Gives what comes, piece by piece, up to the end.
class Reply {
 public:
  explicit Reply(const sys::Descriptor& connection) : connection_(connection) {}

  /// Empty at the end.
  Result<std::string_view> next() {
    while (true) {
      const ssize_t size = ::recv(connection_.get(), room_.data(), room_.size(), 0);
      if (size >= 0) {
        total_ += static_cast<std::size_t>(size);
        if (total_ > kLongestAnswer) return fail("can't be looked for: the engine says too much");
        return std::string_view(room_.data(), static_cast<std::size_t>(size));
      }
      if (errno != EAGAIN && errno != EINTR) return fail("can't be looked for: " + reason(errno));
      const auto left = std::chrono::duration_cast<Milliseconds>(end_ - Clock::now());
      pollfd waiting{.fd = connection_.get(), .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) {
        return fail("can't be looked for: the engine doesn't answer");
      }
    }
  }

 private:
  const sys::Descriptor& connection_;
  const Instant end_ = Clock::now() + kPatience;
  std::size_t total_ = 0;
  std::array<char, 32UL << 10> room_{};
};

/// Feeds the body of a good answer to `reader`.
Result<void> read_answer(Reply& reply, InspectReader& reader) {
  std::string head;
  while (!head.contains(kHeadEnd)) {
    const auto piece = reply.next();
    if (!piece) return std::unexpected(piece.error());
    head += *piece;
    if (piece->empty() || (head.size() > kLongestHead && !head.contains(kHeadEnd))) {
      return fail("can't be looked for: the engine's answer isn't HTTP");
    }
  }
  const std::string_view status = std::string_view(head).substr(0, head.find('\r'));
  if (status.contains(" 404 ")) return fail("doesn't exist");
  if (!status.contains(" 200 ")) return fail(fmt::format("can't be looked for: {}", status));
  Result<void> taken = reader.write(std::string_view(head).substr(head.find(kHeadEnd) + 4));
  while (taken) {
    const auto piece = reply.next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    taken = reader.write(*piece);
  }
  return taken;
}

}  // namespace

Result<sys::NetnsRef> find_container_netns(const std::string& socket, const std::string& name) {
  const auto connection = connect_to(socket);
  if (!connection) return std::unexpected(connection.error());
  // In HTTP/1.0 an answer has no parts, and ends with the connection (RFC 9112 section 6.3).
  const std::string request =
      fmt::format("GET /containers/{}/json HTTP/1.0\r\nHost: docker\r\n\r\n", name);
  if (::send(connection->get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return fail("can't be looked for: " + reason(errno));
  }
  Reply reply(*connection);
  InspectReader reader({});
  if (auto done = read_answer(reply, reader); !done) return std::unexpected(done.error());
  const auto container = reader.finish();
  if (!container) return fail("can't be looked for: " + container.error().message);
  const bool by_id = name.size() >= containers::kShortId && container->id.starts_with(name);
  if (container->name != name && !by_id) return fail("doesn't exist");
  if (!container->running || container->pid == 0) return fail("isn't running");
  if (container->network_mode == "host") return fail("uses the host's network");
  return containers::netns_of(*container, netns_directory(socket));
}

}  // namespace nxgate::docker
