#include "observe/dnstap.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/observer.h"
#include "observe/beat.h"
#include "observe/choice.h"
#include "observe/dnstap_frame.h"
#include "observe/frame_stream.h"
#include "observe/hub.h"

namespace nxgate::observe {
namespace {

constexpr std::size_t kMostBytesWaiting = 16U << 20;
/// Events whose messages are written, and are lost, together.
constexpr std::size_t kMessagesAtOnce = 64;
/// Between attempts to connect, doubled after each that fails.
constexpr Milliseconds kFirstPause{250};
constexpr Milliseconds kLongestPause{8000};

/// Connections are no DNS.
Filter answers(const ChoiceOptions& options) {
  return [chosen = Choice::filter(options)](const engine::Event& event) {
    return event.connection == nullptr && chosen(event);
  };
}

}  // namespace

Dnstap::Dnstap(Hub& hub, DnstapOptions options)
    : options_(std::move(options)),
      choice_(options_.choice),
      tap_(hub.open(answers(options_.choice), kMostUnwritten, kMostBytesWaiting)),
      pause_(kFirstPause),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Dnstap::~Dnstap() {
  thread_.request_stop();
  thread_.join();
}

void Dnstap::run(const std::stop_token& stop) {
  for (bool last = false; !last;) {
    last = stop.stop_requested();
    keep_connected(stop);
    std::vector<engine::Event> events = tap_->take(last ? SIZE_MAX : kMessagesAtOnce);
    const std::size_t came = events.size();
    std::erase_if(events, [this](const engine::Event& event) { return !choice_.takes(event); });
    send(events);
    if (last || came == kMessagesAtOnce) continue;
    std::this_thread::sleep_for(came == 0 ? kBeat : kShortBeat);
  }
  disconnect();
}

void Dnstap::keep_connected(const std::stop_token& stop) {
  if (stream_ && stream_->ended()) {
    log::info("dnstap: the reader at {} disconnected", reader());
    disconnect();
  }
  if (stream_ || Clock::now() < retry_at_ || stop.stop_requested()) return;
  auto opened = FrameStream::open(options_.to, stop);
  if (opened) {
    log::info("dnstap: connected to {}", reader());
    stream_ = *std::move(opened);
    connected_ = true;
    return;
  }
  log::repeated("dnstap", fmt::format("dnstap: {}; answers are not sent until it is back",
                                      opened.error().message));
  disconnect();
}

/// A pause that only what is written ends, so that a reader who accepts and leaves can't keep us
/// busy.
void Dnstap::disconnect() {
  connected_ = false;
  stream_.reset();
  retry_at_ = Clock::now() + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
}

void Dnstap::send(std::span<const engine::Event> events) {
  while (!events.empty()) {
    const auto batch = events.first(std::min(events.size(), kMessagesAtOnce));
    events = events.subspan(batch.size());
    const bool written = stream_ && write(batch);
    (written ? sent_ : lost_) += batch.size();
    if (written) pause_ = kFirstPause;
    if (!stream_ || written) continue;
    log::repeated("dnstap reader",
                  fmt::format("dnstap: the reader at {} doesn't read fast enough", reader()));
    disconnect();
  }
}

bool Dnstap::write(std::span<const engine::Event> events) {
  std::vector<std::uint8_t> frames;
  std::vector<std::size_t> sizes;
  for (const engine::Event& event : events) {
    for (const DnstapMessage message : options_.messages) {
      if (message == DnstapMessage::kClientResponse && !event.answered) continue;
      sizes.push_back(append_frame(event, message, options_.labels, frames));
    }
  }
  std::vector<iovec> pieces;
  std::uint8_t* next = frames.data();
  for (const std::size_t size : sizes) {
    pieces.push_back({.iov_base = next, .iov_len = size});
    next += size;
  }
  return pieces.empty() || stream_->write(pieces);
}

}  // namespace nxgate::observe
