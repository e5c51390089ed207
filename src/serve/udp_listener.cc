#include "serve/udp_listener.h"

#include <cstddef>
#include <memory>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/recycled.h"
#include "engine/engine.h"
#include "serve/handler.h"
#include "serve/worker.h"
#include "sys/descriptor.h"
#include "sys/socket.h"
#include "sys/udp_batch.h"

namespace nxgate::serve {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
/// Then the loop's other work has its turn: TCP, upstream answers, other listeners.
constexpr int kMostBatches = 16;

}  // namespace

/// The late reply may come when the socket is gone, but its listener's policy must outlive it.
class UdpListener::Late final : public LateSource {
 public:
  Late(UdpListener& udp, std::size_t index) : udp_(udp), index_(index) {}
  engine::LateReply make_late() override {
    std::unique_ptr<WayBack> way(new WayBack{
        .udp = udp_.weak_from_this(),
        .listener = udp_.listener_,
        .pending = udp_.worker_.pending,
        .path = udp_.worker_.batch.return_path(index_),
    });
    return [way = std::move(way)](Bytes reply) {
      if (const auto udp = way->udp.lock()) udp->answer_late(way->path, reply);
    };
  }

 private:
  struct WayBack final : Recycled<WayBack> {
    std::weak_ptr<UdpListener> udp;
    std::shared_ptr<const Listener> listener;
    std::shared_ptr<const bool> pending;
    sys::UdpBatch::ReturnPath path;
  };

  UdpListener& udp_;
  std::size_t index_;
};

UdpListener::UdpListener(sys::Descriptor socket, std::shared_ptr<const Listener> listener,
                         Worker& worker)
    : socket_(worker.loop, socket.release()), listener_(std::move(listener)), worker_(worker) {}

void UdpListener::start() {
  asio::co_spawn(socket_.get_executor(), run(shared_from_this()), asio::detached);
}

void UdpListener::stop_receiving() {
  receiving_ = false;
  error_code ignored;
  socket_.cancel(ignored);
}

void UdpListener::close() {
  receiving_ = false;
  error_code ignored;
  socket_.close(ignored);
}

asio::awaitable<void> UdpListener::run(std::shared_ptr<UdpListener> self) {
  while (self->receiving_) {
    const auto [error] =
        co_await self->socket_.async_wait(asio::posix::stream_descriptor::wait_read, kNoThrow);
    if (error) co_return;
    // One try too many costs less than going back to the loop when more has come meanwhile.
    for (int i = 0; i < kMostBatches && self->receiving_ && self->answer_batch(); ++i) {
    }
  }
}

/// Receives, answers and sends one batch; false if there was none.
bool UdpListener::answer_batch() {
  sys::UdpBatch& batch = worker_.batch;
  const std::size_t count = batch.receive(socket_.native_handle(), listener_->at.wildcard());
  if (count == 0) return false;
  worker_.handler.refresh();
  engine::Request request{.message = {},
                          .client = {},
                          .transport = engine::Transport::kUdp,
                          .listener_policy = listener_->policy,
                          .received = Clock::now()};
  for (std::size_t i = 0; i < count; ++i) {
    request.message = batch.message(i);
    request.client = sys::to_endpoint(batch.client(i));
    answer(i, request);
  }
  batch.flush(socket_.native_handle());
  return true;
}

void UdpListener::answer(std::size_t index, const engine::Request& request) {
  Late late(*this, index);
  const engine::Handled handled =
      worker_.handler.handle(request, worker_.batch.reply_buffer(index), late);
  if (handled.disposition == engine::Disposition::kReply) {
    worker_.batch.reply(index, handled.size);
  }
}

void UdpListener::answer_late(const sys::UdpBatch::ReturnPath& path, Bytes reply) {
  if (socket_.is_open() && !reply.empty()) worker_.late.add(shared_from_this(), path, reply);
}

void UdpListener::send(sys::UdpReplies& replies) { replies.flush(socket_.native_handle()); }

}  // namespace nxgate::serve
