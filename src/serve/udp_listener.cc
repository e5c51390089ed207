#include "serve/udp_listener.h"

#include <cstddef>
#include <memory>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/recycled.h"
#include "engine/engine.h"
#include "serve/handler.h"
#include "serve/worker_context.h"
#include "sys/descriptor.h"
#include "sys/socket.h"
#include "sys/udp_batch.h"

namespace nxgate::serve {

using boost::system::error_code;

namespace {

/// Then the loop's other work has its turn: TCP, upstream answers, other listeners.
constexpr int kMostBatches = 16;
/// After a batch of so many it is likely that more has come meanwhile, and one receive too many
/// costs less than going back to the loop.
constexpr std::size_t kWorthAnotherTry = 8;
/// After so many messages they have it as well.
constexpr std::size_t kTurn = 64;

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
                         WorkerContext& worker)
    : socket_(std::move(socket)),
      readable_(worker.loop),
      listener_(std::move(listener)),
      worker_(worker) {}

void UdpListener::start() { wait(); }

void UdpListener::stop_receiving() {
  receiving_ = false;
  readable_.cancel();
}

void UdpListener::close() {
  stop_receiving();
  readable_.let_go();
  socket_ = {};
}

/// A plain handler: the frame of a coroutine would be made anew for each wait.
void UdpListener::wait() {
  readable_.wait(socket_.get(), [self = shared_from_this()](const error_code& error) {
    if (!error) self->answer_waiting();
  });
}

/// Answers batch after batch as long as they come, then leaves the loop to others.
void UdpListener::answer_waiting() {
  std::size_t answered = 0;
  for (int i = 0; i < kMostBatches && answered < kTurn && receiving_; ++i) {
    const std::size_t count = answer_batch();
    answered += count;
    if (count == 0 || !(stays_ || count >= kWorthAnotherTry)) break;
  }
  if (!receiving_) return;
  if (!stays_) return wait();
  boost::asio::post(worker_.loop, [self = shared_from_this()] {
    if (self->receiving_) self->answer_waiting();
  });
}

/// While it polls busily the worker waits at the socket itself, out of the loop's reach for some
/// milliseconds at most; but only while this socket is all that it has served.
void UdpListener::stay_or_go(std::size_t count, Instant now) {
  const bool alone = std::exchange(worker_.served_last, this) == this && worker_.owes_nothing();
  if (!alone) busy_poll_ = {};
  const bool stayed = std::exchange(stays_, busy_poll_.on(count, now));
  if (!stays_ || stayed) return;
  readable_.let_go();
  sys::let_receives_wait(socket_.get());
}

/// Receives, answers and sends one batch; returns how many came.
std::size_t UdpListener::answer_batch() {
  using Waits = sys::UdpBatch::Waits;
  sys::UdpBatch& batch = worker_.batch;
  const std::size_t count =
      batch.receive(socket_.get(), listener_->at.wildcard(), stays_ ? Waits::kForOne : Waits::kNot);
  const Instant now = Clock::now();
  if (count == 0) {
    overload_.caught_up();
    stay_or_go(0, now);
    return 0;
  }
  if (count >= kWorthAnotherTry) readable_.let_go();
  worker_.handler.refresh();
  const bool shed = overload_.sheds(count == sys::UdpBatch::kMessages, now,
                                    [this] { return sys::dropped_messages(socket_.get()); });
  engine::Request request{.message = {},
                          .client = {},
                          .transport = engine::Transport::kUdp,
                          .listener_policy = listener_->policy,
                          .listener_client = listener_->client,
                          .received = now};
  for (std::size_t i = 0; i < count; ++i) {
    request.message = batch.message(i);
    request.client = sys::to_endpoint(batch.client(i));
    request.allowance = shed ? engine::ReplyAllowance::kNoDenial : engine::ReplyAllowance::kWhole;
    if (worker_.rate_limit != nullptr) limit(request);
    answer(i, request);
  }
  const std::size_t sent = batch.flush(socket_.get());
  if (sent != 0) worker_.handler.sent(sent, Clock::now() - now);
  stay_or_go(count, now);
  return count;
}

/// Cuts short what a client gets that asks too often.
void UdpListener::limit(engine::Request& request) {
  // In a namespace of its own a client takes what address it likes.
  const IpAddress& address = listener_->client ? IpAddress() : request.client.address;
  if (worker_.rate_limit->admits(address, listener_->policy, request.received)) return;
  const std::uint32_t most = worker_.rate_limit->limits().truncate;
  const bool truncate = most != 0 && ++too_many_ % most == 0;
  request.allowance =
      truncate ? engine::ReplyAllowance::kTruncated : engine::ReplyAllowance::kNothing;
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
  if (socket_ && !reply.empty()) worker_.late.add(shared_from_this(), path, reply);
}

void UdpListener::send(sys::UdpReplies& replies) { replies.flush(socket_.get()); }

}  // namespace nxgate::serve
