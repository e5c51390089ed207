// The port through which the engine reports its answers; `observe` implements it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "engine/connection_event.h"
#include "engine/decision.h"
#include "engine/reason.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "telemetry/counters.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::engine {

enum class Transport : std::uint8_t { kUdp, kTcp };

/// Where an answer came from.
enum class Source : std::uint8_t {
  kOwn = 0,  ///< decided here: a denial, local data
  kCache,
  kUpstream,
  kStale,    ///< from the cache past its time, since no upstream answered
  kFailure,  ///< nowhere: see Event::failure
};

/// A question and its result, or a connection that was checked by name.
struct Event {
  std::chrono::system_clock::time_point at;  ///< when it was answered
  Instant concluded{};                       ///< the same, by the clock that never goes back
  Clock::duration taken{};                   ///< since it came
  Endpoint client;
  Transport transport{};
  wire::Question question;  ///< of a connection only the name, the root if it says none
  Judgement judgement;      ///< holds as long as `snapshot` does
  Outcome outcome{};
  Source source{};
  UpstreamFailure failure{};
  bool answered = false;  ///< false if nothing was sent
  wire::Rcode rcode{};    ///< of what was sent
  std::shared_ptr<const Snapshot> snapshot;
  std::shared_ptr<const ConnectionEvent> connection{};  ///< null for a question
  /// The messages as they came and went. They are valid during Observer::saw, and then only as
  /// long as `kept` holds them.
  Bytes query;
  Bytes reply;
  std::shared_ptr<const std::vector<std::uint8_t>> kept;
};

/// The word for what became of a question, as metrics have it.
[[nodiscard]] constexpr telemetry::AnswerClass answer_class_of(Outcome outcome,
                                                               Source source) noexcept {
  using telemetry::AnswerClass;
  constexpr std::array kOfOutcome{
      AnswerClass::kProhibited, AnswerClass::kDenied, AnswerClass::kNoData, AnswerClass::kNoData,
      AnswerClass::kLocal,      AnswerClass::kLocal,  AnswerClass::kDenied, AnswerClass::kFailed};
  constexpr std::array kOfSource{AnswerClass::kDenied, AnswerClass::kCached,
                                 AnswerClass::kForwarded, AnswerClass::kStale,
                                 AnswerClass::kFailed};
  static_assert(kOfOutcome.size() == static_cast<std::size_t>(Outcome::kForward) + 1);
  static_assert(kOfSource.size() == static_cast<std::size_t>(Source::kFailure) + 1);
  return source == Source::kOwn ? kOfOutcome[static_cast<std::size_t>(outcome)]
                                : kOfSource[static_cast<std::size_t>(source)];
}

[[nodiscard]] constexpr telemetry::AnswerClass answer_class_of(const Event& event) noexcept {
  return answer_class_of(event.outcome, event.source);
}
[[nodiscard]] inline Reason reason_of(const Event& event) noexcept {
  return reason_of(event.judgement, event.outcome);
}

/// That of one worker, called on its thread alone.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Refreshes the list of readers: once per batch, and before a late answer.
  virtual void refresh() noexcept = 0;
  /// False as long as there are no readers; then no event is made.
  [[nodiscard]] virtual bool interested() const noexcept = 0;
  /// Whether a query that waits for an upstream must be kept for its event.
  [[nodiscard]] virtual bool wants_messages() const noexcept = 0;
  /// Must neither wait nor throw.
  virtual void saw(const Event& event) noexcept = 0;
};

}  // namespace nxgate::engine
