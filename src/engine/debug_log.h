// The line that -v shows for each query.
#pragma once

#include <string_view>

#include "base/address.h"
#include "base/clock.h"
#include "engine/decision.h"
#include "engine/observer.h"
#include "engine/upstream.h"
#include "wire/query.h"

namespace nxgate::engine {

/// The decision in words, for the log and for `explain`: `denied`, `forwarded`.
[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;

/// What became of a question, in words: that of the outcome, or `cached`, `forwarded`, `stale`,
/// `timeout`.
[[nodiscard]] std::string_view to_string(Outcome outcome, Source source,
                                         UpstreamFailure failure) noexcept;

/// Writes client, qname, qtype, what became of it, the reason and the time taken since `received`.
/// Only if -v asked for it.
void log_query(const Endpoint& client, const wire::Query& query, const Decision& decision,
               Source source, UpstreamFailure failure, Instant received);

/// The same for a message that is no question.
void log_rejection(const Endpoint& client, const wire::Query& query);

}  // namespace nxgate::engine
