#include "sys/unix_socket.h"

#include <cerrno>
#include <cstring>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include "sys/descriptor.h"

namespace nxgate::sys {
namespace {

namespace fs = std::filesystem;

std::unexpected<std::error_code> failure(int error) {
  return std::unexpected(std::error_code(error, std::generic_category()));
}

Descriptor stream_socket() {
  return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

}  // namespace

std::expected<Descriptor, std::error_code> listen_unix(const std::string& path, mode_t mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return failure(ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const auto* const at = reinterpret_cast<const sockaddr*>(&address);
  // Who is too busy to take one more answers there, too.
  if (const Descriptor probe = stream_socket();
      probe && (::connect(probe.get(), at, sizeof address) == 0 || errno == EAGAIN)) {
    return failure(EADDRINUSE);
  }
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  if (fs::is_socket(path, ignored)) fs::remove(path, ignored);
  Descriptor socket = stream_socket();
  const mode_t mask = ::umask(0777 & ~mode);
  const bool bound = socket && ::bind(socket.get(), at, sizeof address) == 0;
  const int error = errno;
  ::umask(mask);
  if (!bound) return failure(error == EADDRINUSE ? EEXIST : error);
  if (::listen(socket.get(), SOMAXCONN) != 0) return failure(errno);
  return socket;
}

std::optional<uid_t> peer_user(int socket) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

}  // namespace nxgate::sys
