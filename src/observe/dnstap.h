// dnstap: the query log for programs, as a stream of messages.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "engine/observer.h"
#include "observe/choice.h"
#include "observe/dnstap_frame.h"
#include "observe/frame_stream.h"
#include "observe/hub.h"

namespace nxgate::observe {

struct DnstapOptions {
  ReaderAddress to;
  DnstapLabels labels;
  std::vector<DnstapMessage> messages;  ///< of each answered question
  ChoiceOptions choice;
};

/// Sends them to a reader, on a thread of its own, which connects and connects again. What a reader
/// that is slow or away doesn't take is dropped and counted. Destroying it sends what is left, for
/// FrameStream::kStopWait at most.
class Dnstap {
 public:
  Dnstap(Hub& hub, DnstapOptions options);
  ~Dnstap();
  Dnstap(const Dnstap&) = delete;
  Dnstap& operator=(const Dnstap&) = delete;

  /// Where the reader is to be.
  [[nodiscard]] std::string reader() const { return to_string(options_.to); }
  /// Whether it is there. Any thread, like the next.
  [[nodiscard]] bool connected() const noexcept { return connected_.load(); }
  /// Answered questions that were written to the reader whole, and those that weren't.
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_.load(); }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load() + tap_->dropped(); }

 private:
  void run(const std::stop_token& stop);
  void keep_connected(const std::stop_token& stop);
  void disconnect();
  void send(std::span<const engine::Event> events);
  [[nodiscard]] bool write(std::span<const engine::Event> events);

  const DnstapOptions options_;
  Choice choice_;
  std::unique_ptr<Tap> tap_;
  std::unique_ptr<FrameStream> stream_;  ///< null while there is no reader
  Instant retry_at_{};
  Milliseconds pause_;
  std::atomic<bool> connected_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> lost_{0};  ///< beside what the tap dropped
  std::jthread thread_;
};

}  // namespace nxgate::observe
