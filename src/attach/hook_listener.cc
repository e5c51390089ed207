#include "attach/hook_listener.h"

#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "attach/controller.h"
#include "base/error.h"
#include "base/no_throw.h"
#include "containers/netns_watch.h"
#include "sys/accept_all.h"
#include "sys/netns.h"
#include "sys/unix_socket.h"

namespace nxgate::attach {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr std::size_t kLongestLine = 256;
/// The runtime waits for its hook; the engine gives up later than this.
constexpr timeval kPatience{.tv_sec = 10, .tv_usec = 0};

std::optional<containers::ContainerProcess> parse_line(std::string_view line) {
  containers::ContainerProcess process;
  const char* const end = line.data() + line.size();
  const auto [after, error] = std::from_chars(line.data(), end, process.pid);
  if (error != std::errc{} || after == end || *after != ' ') return std::nullopt;
  process.container.assign(after + 1, end);
  return process;
}

/// Whether the client is root, as engine and runtime are. The socket belongs to nxgate's user, and
/// so any process of that user can connect.
bool is_root(stream_protocol::socket& socket) {
  return sys::peer_user(socket.native_handle()) == uid_t{0};
}

/// Sends the outcome; the connection ends with the last reference to the socket.
void reply(const std::shared_ptr<stream_protocol::socket>& socket, const Result<void>& outcome) {
  const auto text = std::make_shared<const std::string>(
      (outcome ? std::string() : outcome.error().message) + '\n');
  asio::async_write(*socket, asio::buffer(*text),
                    [socket, text](const error_code&, std::size_t) {});
}

asio::awaitable<void> serve_one(std::shared_ptr<stream_protocol::socket> socket,
                                Controller& controller) {
  // Before any wait: other users must not even keep a connection.
  if (!is_root(*socket)) {
    reply(socket, fail("only root may use this socket"));
    co_return;
  }
  std::string line;
  auto buffer = asio::dynamic_buffer(line, kLongestLine);
  const auto [error, size] = co_await asio::async_read_until(*socket, buffer, '\n', kNoThrow);
  if (error) co_return;
  const auto process = parse_line(std::string_view(line).substr(0, size - 1));
  if (!process) {
    reply(socket, fail("expected PID and CONTAINER-ID"));
    co_return;
  }
  controller.attach_starting(*process, sys::NetnsRef::of_pid(process->pid),
                             [socket](const Result<void>& outcome) { reply(socket, outcome); });
}

}  // namespace

Result<std::unique_ptr<HookListener>> HookListener::open(asio::io_context& loop,
                                                         const std::string& path,
                                                         Controller& controller) {
  auto socket = sys::listen_unix(path, 0600);
  if (!socket && socket.error() == std::errc::address_in_use) {
    return fail(fmt::format(
        "{}: another nxgate is listening there; choose another with --hook-socket", path));
  }
  if (!socket) {
    return fail(fmt::format("cannot listen on {}: {}", path, socket.error().message()));
  }
  auto acceptor = std::make_shared<Acceptor>(loop, stream_protocol(), socket->release());
  auto serve = [&loop, &controller](stream_protocol::socket connection,
                                    const stream_protocol::endpoint&) {
    asio::co_spawn(
        loop,
        serve_one(std::make_shared<stream_protocol::socket>(std::move(connection)), controller),
        asio::detached);
  };
  asio::co_spawn(
      loop, sys::accept_all(acceptor, "cannot accept connections on " + path, std::move(serve)),
      asio::detached);
  return std::unique_ptr<HookListener>(new HookListener(std::move(acceptor), path));
}

HookListener::~HookListener() {
  error_code closed;
  acceptor_->close(closed);
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

Result<void> ask_hook_listener(const std::string& path, pid_t pid, const std::string& container) {
  asio::io_context loop(1);
  stream_protocol::socket socket(loop);
  error_code error;
  socket.connect(stream_protocol::endpoint(path), error);
  if (error) {
    return fail(fmt::format("no nxgate is listening on {}: {}; start `nxgate docker`", path,
                            error.message()));
  }
  (void)::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  asio::write(socket, asio::buffer(fmt::format("{} {}\n", pid, container)), error);
  std::string answer;
  asio::read_until(socket, asio::dynamic_buffer(answer), '\n', error);
  if (error) return fail(fmt::format("nxgate at {} did not reply: {}", path, error.message()));
  answer.pop_back();
  if (!answer.empty()) return fail(answer);
  return {};
}

}  // namespace nxgate::attach
