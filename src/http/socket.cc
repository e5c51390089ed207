#include "http/socket.h"

#include <cerrno>
#include <expected>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/socket.h"
#include "sys/unix_socket.h"

namespace nxgate::http {
namespace {

std::string words() { return std::generic_category().message(errno); }

Result<void> give_to_group(const std::string& path, const std::string& group) {
  if (group.empty()) return {};
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const struct group* const found = ::getgrnam(group.c_str());
  if (found == nullptr) return fail(fmt::format("no such group: {}", group));
  if (::chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) == 0 &&
      ::chmod(path.c_str(), 0660) == 0) {
    return {};
  }
  return fail(fmt::format("{} can't be given to the group {}: {}", path, group, words()));
}

}  // namespace

Result<sys::Descriptor> listen_unix(const std::string& path, const std::string& group) {
  auto socket = sys::listen_unix(path, 0600);
  if (!socket) {
    if (socket.error() == std::errc::address_in_use) {
      return fail(fmt::format("another nxgate is listening on {}", path));
    }
    return fail(fmt::format("cannot listen on {}: {}", path, socket.error().message()));
  }
  if (auto given = give_to_group(path, group); !given) return std::unexpected(given.error());
  return *std::move(socket);
}

Result<sys::Descriptor> listen_tcp(const Endpoint& at) {
  const sys::SocketAddress address = sys::to_sockaddr(at);
  sys::Descriptor socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (socket) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!socket || ::bind(socket.get(), address.get(), address.length) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0) {
    return fail(fmt::format("cannot listen on {}: {}", at.to_string(), words()));
  }
  return socket;
}

}  // namespace nxgate::http
