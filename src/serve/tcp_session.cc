#include "serve/tcp_session.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "serve/handler.h"
#include "serve/tcp_census.h"
#include "serve/worker.h"
#include "wire/reader.h"
#include "wire/types.h"

namespace nxgate::serve {

namespace asio = boost::asio;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kFirstInput = 1024;
constexpr std::size_t kLargestInput = 2 + wire::kLargestMessage;

}  // namespace

/// The late reply may come when the session is gone, but its listener's policy must outlive it.
class TcpSession::Late final : public LateSource {
 public:
  explicit Late(TcpSession& session) : session_(session) {}
  engine::LateReply make_late() override {
    ++session_.unanswered_;
    return [weak = session_.weak_from_this(), listener = session_.listener_,
            pending = session_.worker_.pending](Bytes reply) {
      if (const auto session = weak.lock()) session->answer_late(reply);
    };
  }

 private:
  TcpSession& session_;
};

TcpSession::TcpSession(Socket socket, const Endpoint& client,
                       std::shared_ptr<const Listener> listener, Worker& worker)
    : socket_(std::move(socket)),
      client_(client),
      listener_(std::move(listener)),
      worker_(worker),
      progress_(worker.loop, Instant::max()) {}

void TcpSession::start(TcpCensus::Place place) {
  place_.emplace(std::move(place));
  asio::co_spawn(socket_.get_executor(), run(shared_from_this()), asio::detached);
}

void TcpSession::drain() {
  if (!open()) return;
  input_ended_ = true;
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_receive, ignored);  // ends a read that waits
  progress_.cancel();
}

void TcpSession::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  progress_.cancel();
  place_.reset();
}

bool TcpSession::overdue(Instant now) const noexcept {
  // A write that doesn't end is the client's fault, whatever else it sends meanwhile.
  if (!writing_.empty()) return now - write_began_ > worker_.limits.idle;
  // Who waits for an answer isn't idle (RFC 7766 section 3).
  return unanswered_ == 0 && now - last_active_ > worker_.limits.idle;
}

asio::awaitable<void> TcpSession::run(std::shared_ptr<TcpSession> self) {
  while (self->open() && !self->input_ended_) {
    if (self->full()) {
      co_await self->progress();
    } else {
      co_await self->read();
    }
    // Also what an earlier read brought and a full session left lying.
    if (self->open()) self->take_queries();
  }
  while (self->open() && !self->owes_nothing()) co_await self->progress();
  if (self->open()) self->close();
}

/// Reads once, into a buffer that grows as bytes come, not as a length promises them.
asio::awaitable<void> TcpSession::read() {
  if (filled_ == input_.size()) {
    input_.resize(std::clamp(2 * input_.size(), kFirstInput, kLargestInput));
  }
  const auto room = asio::buffer(input_.data() + filled_, input_.size() - filled_);
  const auto [error, size] = co_await socket_.async_read_some(room, kNoThrow);
  if (error == asio::error::eof) {
    input_ended_ = true;
  } else if (error) {
    close();
  }
  filled_ += size;
}

/// Waits until a write has ended, a late reply has come, or the session is to end.
asio::awaitable<void> TcpSession::progress() { co_await progress_.async_wait(kNoThrow); }

void TcpSession::take_queries() {
  worker_.handler.refresh();
  std::size_t taken = 0;
  while (!full()) {
    wire::Reader reader(Bytes(input_.data(), filled_), taken);
    const std::size_t size = reader.u16();
    const Bytes query = reader.bytes(size);
    if (!reader.ok()) break;
    if (size == 0) {
      input_ended_ = true;
      break;
    }
    answer(query);
    taken = reader.offset();
  }
  std::copy(input_.begin() + std::ptrdiff_t(taken), input_.begin() + std::ptrdiff_t(filled_),
            input_.begin());
  filled_ -= taken;
  flush();
  settle();
}

void TcpSession::answer(Bytes query) {
  worker_.served_last = this;
  last_active_ = Clock::now();
  const engine::Request request{.message = query,
                                .client = client_,
                                .transport = engine::Transport::kTcp,
                                .listener_policy = listener_->policy,
                                .received = last_active_};
  Late late(*this);
  const engine::Handled handled = worker_.handler.handle(request, worker_.tcp_reply, late);
  if (handled.disposition == engine::Disposition::kReply) {
    queue(Bytes(worker_.tcp_reply).first(handled.size));
  }
}

void TcpSession::answer_late(Bytes reply) {
  --unanswered_;
  if (!open()) return;
  if (!reply.empty()) queue(reply);
  flush();
  settle();
  progress_.cancel();
}

void TcpSession::queue(Bytes reply) {
  output_.push_back(static_cast<std::uint8_t>(reply.size() >> 8));
  output_.push_back(static_cast<std::uint8_t>(reply.size()));
  output_.insert(output_.end(), reply.begin(), reply.end());
}

void TcpSession::flush() {
  if (!open() || !writing_.empty() || output_.empty()) return;
  std::swap(output_, writing_);
  write_began_ = Clock::now();
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](const boost::system::error_code& error,
                                                std::size_t) { self->written(error); });
}

void TcpSession::written(const boost::system::error_code& error) {
  writing_.clear();
  if (!open()) return;
  if (error) return close();
  last_active_ = Clock::now();
  flush();
  settle();
  progress_.cancel();
}

/// Tells the census whether this connection may be closed in favour of another.
void TcpSession::settle() {
  if (!place_) return;
  if (owes_nothing()) {
    place_->idle(last_active_);
  } else {
    place_->busy();
  }
}

bool TcpSession::full() const noexcept {
  return unanswered_ >= worker_.limits.unanswered ||
         output_.size() + writing_.size() >= worker_.limits.output;
}

bool TcpSession::owes_nothing() const noexcept {
  return unanswered_ == 0 && output_.empty() && writing_.empty();
}

}  // namespace nxgate::serve
