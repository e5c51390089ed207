#include "relay/pump.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "relay/octets.h"
#include "relay/pipes.h"
#include "relay/side.h"

namespace nxgate::relay {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMost = 1U << 20;
constexpr std::size_t kCopied = 1024;
constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

bool is_transient(int error) noexcept { return error == EAGAIN || error == EINTR; }

/// False if the receiver is gone. The pipe is empty afterwards.
asio::awaitable<bool> empty_into(Side& to, Pipe& pipe, std::size_t left, Octets& moved) {
  while (left > 0) {
    if (!to.is_open()) co_return false;
    const ssize_t sent = ::splice(pipe.out.get(), nullptr, to.get(), nullptr, left, kFlags);
    if (sent > 0) {
      left -= static_cast<std::size_t>(sent);
      moved += static_cast<std::uint64_t>(sent);
    } else if (sent == 0 || !is_transient(errno) || !co_await to.writable()) {
      co_return false;
    }
  }
  co_return true;
}

/// What splice(2) leaves alone: octets that were marked urgent. Waits if there are none either.
asio::awaitable<ssize_t> copy_once(Side& from, Side& to, Octets& moved) {
  std::array<std::uint8_t, kCopied> piece;
  const ssize_t got = ::recv(from.get(), piece.data(), piece.size(), 0);
  if (got < 0 && is_transient(errno)) co_return co_await from.readable() ? 1 : -1;
  if (got <= 0) co_return got;
  const auto count = static_cast<std::size_t>(got);
  if (!co_await to.write(Bytes(piece).first(count))) co_return -1;
  moved += count;
  co_return got;
}

/// Moves what is there; 0 at the end, less if it is broken.
asio::awaitable<ssize_t> move_once(Side& from, Side& to, PipePool& pipes, Octets& moved) {
  auto pipe = pipes.take();
  if (!pipe) co_return -1;
  const ssize_t got = ::splice(from.get(), nullptr, pipe->in.get(), nullptr, kMost, kFlags);
  const int error = got < 0 ? errno : 0;
  if (got > 0 && !co_await empty_into(to, *pipe, static_cast<std::size_t>(got), moved)) {
    co_return -1;
  }
  pipes.give(*std::move(pipe));
  if (!is_transient(error)) co_return got;
  co_return co_await copy_once(from, to, moved);
}

}  // namespace

asio::awaitable<End> pump(Side& from, Side& to, PipePool& pipes, Octets& moved) {
  if (!co_await from.readable()) co_return End::kBroken;
  for (int piece = 1; from.is_open(); ++piece) {
    const ssize_t got = co_await move_once(from, to, pipes, moved);
    if (got < 0) co_return End::kBroken;
    if (got == 0) co_return End::kClosed;
    if (piece % kTurn == 0) co_await asio::post(asio::use_awaitable);
  }
  co_return End::kBroken;
}

}  // namespace nxgate::relay
