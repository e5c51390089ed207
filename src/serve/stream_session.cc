#include "serve/stream_session.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/census.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "base/no_throw.h"
#include "engine/engine.h"
#include "serve/handler.h"
#include "serve/stream.h"
#include "serve/worker_context.h"
#include "wire/reader.h"
#include "wire/types.h"

namespace nxgate::serve {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kFirstInput = 1024;
/// The longest message with its length.
constexpr std::size_t kLargestFrame = 2 + wire::kLargestMessage;
/// Buffers that have grown beyond it are let go when they are empty.
constexpr std::size_t kKeptBuffer = 16UL << 10;

void empty(std::vector<std::uint8_t>& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBuffer) buffer = {};
}

}  // namespace

/// The late reply may come when the session is gone, but its listener's policy must outlive it.
class StreamSession::Late final : public LateSource {
 public:
  explicit Late(StreamSession& session) : session_(session) {}
  engine::LateReply make_late() override {
    ++session_.unanswered_;
    return [weak = session_.weak_from_this(), listener = session_.listener_,
            pending = session_.worker_.pending](Bytes reply) {
      if (const auto session = weak.lock()) session->answer_late(reply);
    };
  }

 private:
  StreamSession& session_;
};

StreamSession::StreamSession(std::unique_ptr<Stream> stream, const Endpoint& client,
                             std::shared_ptr<const Listener> listener, WorkerContext& worker)
    : stream_(std::move(stream)),
      client_(client),
      key_(listener->client ? listener->client : client_at(client.address, listener->policy)),
      listener_(std::move(listener)),
      worker_(worker),
      progress_(worker.loop, Instant::max()) {}

void StreamSession::start(Census::Place place) {
  place_.emplace(std::move(place));
  asio::co_spawn(stream_->executor(), run(shared_from_this()), asio::detached);
}

void StreamSession::drain() {
  if (!open()) return;
  input_ended_ = true;
  stream_->end_input();
  progress_.cancel();
}

void StreamSession::close() {
  stream_->close();
  progress_.cancel();
  place_.reset();
  output_ = {};
  give_back(borrowed_);
}

bool StreamSession::overdue(Instant now) const noexcept {
  // A write that doesn't end is the client's fault, whatever else it sends meanwhile.
  if (!writing_.empty()) return now - write_began_ > worker_.limits.idle;
  // Who waits for an answer isn't idle (RFC 7766 section 3).
  return unanswered_ == 0 && now - last_active_ > worker_.limits.idle;
}

asio::awaitable<void> StreamSession::run(std::shared_ptr<StreamSession> self) {
  while (self->open() && !self->input_ended_) {
    if (self->stalled_) {
      co_await self->progress();
    } else {
      co_await self->read();
    }
    // Also what an earlier read brought and was left lying.
    if (self->open()) self->take_queries();
  }
  while (self->open() && !self->owes_nothing()) co_await self->progress();
  if (self->open()) self->close();
}

/// Reads once, into a buffer that grows as bytes come, not as a length promises them.
asio::awaitable<void> StreamSession::read() {
  if (filled_ == input_.size()) {
    input_.resize(std::clamp(2 * input_.size(), kFirstInput, kLargestFrame));
  }
  const auto [error, size] = co_await stream_->read_some(MutableBytes(input_).subspan(filled_));
  if (error == asio::error::eof) {
    input_ended_ = true;
  } else if (error) {
    close();
  }
  filled_ += size;
}

/// Waits until a write has ended, a late reply has come, or the session is to end.
asio::awaitable<void> StreamSession::progress() { co_await progress_.async_wait(kNoThrow); }

void StreamSession::take_queries() {
  worker_.handler.refresh();
  std::size_t taken = 0;
  while (true) {
    wire::Reader reader(Bytes(input_.data(), filled_), taken);
    const std::size_t size = reader.u16();
    const Bytes query = reader.bytes(size);
    if (!reader.ok()) break;
    if (size == 0) {
      input_ended_ = true;
      break;
    }
    stalled_ = !reserve();
    if (stalled_) break;
    answer(query);
    taken = reader.offset();
  }
  std::copy(input_.begin() + std::ptrdiff_t(taken), input_.begin() + std::ptrdiff_t(filled_),
            input_.begin());
  filled_ -= taken;
  if (filled_ == 0 && input_.size() > kKeptBuffer) input_ = {};
  flush();
  settle();
}

void StreamSession::answer(Bytes query) {
  worker_.served_last = this;
  last_active_ = Clock::now();
  const engine::Request request{.message = query,
                                .client = client_,
                                .transport = stream_->transport(),
                                .listener_policy = listener_->policy,
                                .listener_client = listener_->client,
                                .received = last_active_};
  Late late(*this);
  const engine::Handled handled = worker_.handler.handle(request, worker_.tcp_reply, late);
  if (handled.disposition == engine::Disposition::kReply) {
    queue(Bytes(worker_.tcp_reply).first(handled.size));
  }
}

void StreamSession::answer_late(Bytes reply) {
  --unanswered_;
  if (!open()) return;
  if (!reply.empty()) queue(reply);
  flush();
  settle();
  progress_.cancel();
}

void StreamSession::queue(Bytes reply) {
  output_.push_back(static_cast<std::uint8_t>(reply.size() >> 8));
  output_.push_back(static_cast<std::uint8_t>(reply.size()));
  output_.insert(output_.end(), reply.begin(), reply.end());
}

void StreamSession::flush() {
  if (!open() || !writing_.empty() || output_.empty()) return;
  const auto taken = stream_->send_some(output_);
  if (!taken) return close();
  write_began_ = Clock::now();
  if (*taken == output_.size()) {
    last_active_ = write_began_;
    return empty(output_);
  }
  std::swap(output_, writing_);
  stream_->send(Bytes(writing_).subspan(*taken),
                [self = shared_from_this()](const boost::system::error_code& error) {
                  self->written(error);
                });
}

void StreamSession::written(const boost::system::error_code& error) {
  empty(writing_);
  if (!open()) return;
  if (error) return close();
  last_active_ = Clock::now();
  flush();
  settle();
  progress_.cancel();
}

/// Gives back what isn't needed any more, and tells the census whether this connection may be
/// closed in favour of another.
void StreamSession::settle() {
  if (!place_) return;
  const std::size_t room = worker_.limits.own_bytes + borrowed_;
  give_back(std::min(borrowed_, (room - std::min(room, owed())) / kLargestFrame * kLargestFrame));
  if (owes_nothing()) {
    place_->idle(last_active_);
  } else {
    place_->busy(last_active_);
  }
}

/// What the client may yet be sent, were each answer as long as can be.
std::size_t StreamSession::owed() const noexcept {
  return output_.size() + writing_.size() + unanswered_ * kLargestFrame;
}

/// Whether there is room for one more answer. A client that doesn't read gets none of what all
/// share.
bool StreamSession::reserve() {
  if (!open() || unanswered_ >= worker_.limits.unanswered) return false;
  const auto fits = [this] {
    return owed() + kLargestFrame <= worker_.limits.own_bytes + borrowed_;
  };
  if (fits()) return true;
  flush();
  if (fits()) return true;
  if (!writing_.empty() || !open() || !worker_.tcp.bytes.take(key_, kLargestFrame)) return false;
  borrowed_ += kLargestFrame;
  return true;
}

void StreamSession::give_back(std::size_t bytes) noexcept {
  if (bytes != 0) worker_.tcp.bytes.give_back(key_, bytes);
  borrowed_ -= bytes;
}

bool StreamSession::owes_nothing() const noexcept {
  return unanswered_ == 0 && output_.empty() && writing_.empty();
}

}  // namespace nxgate::serve
