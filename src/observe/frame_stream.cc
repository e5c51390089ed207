#include "observe/frame_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include <fmt/core.h>
#include <fstrm.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "observe/beat.h"
#include "sys/descriptor.h"
#include "sys/socket.h"

namespace nxgate::observe {
namespace {

constexpr std::string_view kContentType = "protobuf:dnstap.Dnstap";

sys::SocketAddress socket_address(const ReaderAddress& address) {
  if (const auto* const endpoint = std::get_if<Endpoint>(&address)) {
    return sys::to_sockaddr(*endpoint);
  }
  const auto& path = std::get<std::string>(address);
  sys::SocketAddress result;
  sockaddr_un there{};
  there.sun_family = AF_UNIX;
  std::memcpy(there.sun_path, path.data(), std::min(path.size(), sizeof(there.sun_path) - 1));
  std::memcpy(&result.storage, &there, sizeof(there));
  result.length = sizeof(there);
  return result;
}

}  // namespace

std::string to_string(const ReaderAddress& address) {
  const auto* const endpoint = std::get_if<Endpoint>(&address);
  return endpoint != nullptr ? endpoint->to_string() : std::get<std::string>(address);
}

Result<std::unique_ptr<FrameStream>> FrameStream::open(const ReaderAddress& to,
                                                       const std::stop_token& stop) {
  std::unique_ptr<FrameStream> stream(new FrameStream(stop));
  if (auto connected = stream->connect(to); !connected) return fail(connected.error().message);
  if (!stream->make_writer()) {
    return fail(to_string(to) + ": the program that listens there doesn't read dnstap");
  }
  return stream;
}

FrameStream::~FrameStream() = default;

bool FrameStream::write(std::span<const iovec> frames) {
  return ::fstrm_writer_writev(writer_.get(), frames.data(), static_cast<int>(frames.size())) ==
         fstrm_res_success;
}

bool FrameStream::ended() const noexcept {
  pollfd state{.fd = socket_.get(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&state, 1, 0) > 0;
}

Result<void> FrameStream::connect(const ReaderAddress& to) {
  const sys::SocketAddress address = socket_address(to);
  const auto failure = [&to](int error) {
    return fail(fmt::format("{}: {}", to_string(to), std::generic_category().message(error)));
  };
  socket_ = sys::Descriptor(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return failure(errno);
  if (::connect(socket_.get(), address.get(), address.length) == 0) return {};
  if (errno != EINPROGRESS) return failure(errno);
  if (!wait_for(POLLOUT)) return failure(ETIMEDOUT);
  int error = 0;
  socklen_t length = sizeof(error);
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return failure(error);
  return {};
}

bool FrameStream::make_writer() {
  fstrm_rdwr* rdwr = ::fstrm_rdwr_init(this);
  ::fstrm_rdwr_set_open(rdwr, [](void*) { return fstrm_res_success; });
  ::fstrm_rdwr_set_close(rdwr, [](void*) { return fstrm_res_success; });
  ::fstrm_rdwr_set_read(rdwr, [](void* stream, void* data, std::size_t size) {
    return static_cast<FrameStream*>(stream)->read({static_cast<std::byte*>(data), size});
  });
  ::fstrm_rdwr_set_write(rdwr, [](void* stream, const iovec* pieces, int count) {
    return static_cast<FrameStream*>(stream)->send({pieces, static_cast<std::size_t>(count)});
  });
  fstrm_writer_options* options = ::fstrm_writer_options_init();
  ::fstrm_writer_options_add_content_type(options, kContentType.data(), kContentType.size());
  writer_.reset(::fstrm_writer_init(options, &rdwr));
  ::fstrm_writer_options_destroy(&options);
  return writer_ != nullptr && ::fstrm_writer_open(writer_.get()) == fstrm_res_success;
}

bool FrameStream::wait_for(short events) {
  const Instant patience = Clock::now() + kPatience;
  while (true) {
    const Instant now = Clock::now();
    if (stop_.stop_requested() && !stop_deadline_) stop_deadline_ = now + kStopWait;
    if (now >= std::min(patience, stop_deadline_.value_or(patience))) return false;
    pollfd state{.fd = socket_.get(), .events = events, .revents = 0};
    if (::poll(&state, 1, static_cast<int>(kBeat.count())) > 0) return true;
  }
}

fstrm_res FrameStream::read(std::span<std::byte> into) {
  while (!into.empty() && !failed_) {
    const ssize_t count = ::recv(socket_.get(), into.data(), into.size(), 0);
    if (count > 0) {
      into = into.subspan(static_cast<std::size_t>(count));
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR) || !wait_for(POLLIN)) {
      failed_ = true;
    }
  }
  return failed_ ? fstrm_res_failure : fstrm_res_success;
}

fstrm_res FrameStream::send(std::span<const iovec> pieces) {
  std::vector<iovec> left(pieces.begin(), pieces.end());
  auto first = left.begin();
  while (first != left.end() && !failed_) {
    msghdr message{};
    message.msg_iov = &*first;
    message.msg_iovlen = static_cast<std::size_t>(left.end() - first);
    const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (count < 0) {
      failed_ = (errno != EAGAIN && errno != EINTR) || !wait_for(POLLOUT);
      continue;
    }
    auto done = static_cast<std::size_t>(count);
    while (first != left.end() && done >= first->iov_len) done -= (first++)->iov_len;
    if (done == 0) continue;
    first->iov_base = static_cast<std::byte*>(first->iov_base) + done;
    first->iov_len -= done;
  }
  return failed_ ? fstrm_res_failure : fstrm_res_success;
}

}  // namespace nxgate::observe
