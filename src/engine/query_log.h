// The line that -v shows for each query.
#pragma once

#include <string_view>

#include "base/address.h"
#include "base/clock.h"
#include "engine/decision.h"
#include "wire/query.h"

namespace nxgate::engine {

/// The decision in words, for the log and for `explain`: `denied`, `forwarded`.
[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;

/// Writes client, qname, qtype, verdict, rule and the time taken since `received`, if -v asked for
/// it. `how` says where the answer came from, such as `cached`; empty for the outcome's own word.
void log_query(const Endpoint& client, const wire::Query& query, const Decision& decision,
               std::string_view how, Instant received);

/// The same for a message that is no question.
void log_rejection(const Endpoint& client, const wire::Query& query);

}  // namespace nxgate::engine
