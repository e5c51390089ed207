#include "admin/socket.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include <fmt/core.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "sys/descriptor.h"
#include "sys/socket.h"

namespace nxgate::admin {
namespace {

namespace fs = std::filesystem;

std::string words() { return std::generic_category().message(errno); }

sys::Descriptor unix_socket() {
  return sys::Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

bool somebody_answers(const sockaddr* address, socklen_t size) {
  const sys::Descriptor probe = unix_socket();
  return probe && ::connect(probe.get(), address, size) == 0;
}

Result<void> give_to_group(const std::string& path, const std::string& group) {
  if (group.empty()) return {};
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const struct group* const found = ::getgrnam(group.c_str());
  if (found == nullptr) return fail(fmt::format("there is no group {}", group));
  if (::chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) == 0) return {};
  return fail(fmt::format("{} can't be given to the group {}: {}", path, group, words()));
}

}  // namespace

Result<sys::Descriptor> listen_unix(const std::string& path, const std::string& group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail("the path is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const auto* const at = reinterpret_cast<const sockaddr*>(&address);
  if (somebody_answers(at, sizeof address)) {
    return fail(fmt::format("another nxgate answers at {}", path));
  }
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  if (fs::is_socket(path, ignored)) fs::remove(path, ignored);
  sys::Descriptor socket = unix_socket();
  const mode_t mask = ::umask(0117);
  const bool bound = socket && ::bind(socket.get(), at, sizeof address) == 0;
  ::umask(mask);
  if (!bound || ::listen(socket.get(), SOMAXCONN) != 0) {
    return fail(fmt::format("cannot listen at {}: {}", path, words()));
  }
  if (auto given = give_to_group(path, group); !given) return std::unexpected(given.error());
  return socket;
}

Result<sys::Descriptor> listen_tcp(const Endpoint& at) {
  const sys::SocketAddress address = sys::to_sockaddr(at);
  sys::Descriptor socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (socket) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!socket || ::bind(socket.get(), address.get(), address.length) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0) {
    return fail(fmt::format("cannot listen at {}: {}", at.to_string(), words()));
  }
  return socket;
}

}  // namespace nxgate::admin
