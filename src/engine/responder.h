// Writing the reply for a decision.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "engine/decision.h"
#include "engine/observer.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "wire/query.h"
#include "wire/reply.h"

namespace nxgate::engine {

/// What every reply to one request has in common.
struct ReplyContext {
  MutableBytes out;
  std::size_t limit = 0;  ///< of the message, see wire::reply_limit
  wire::ReplyEdns edns;   ///< cookie and keepalive, already made
};

/// The cookie and the keepalive that the query asks for.
[[nodiscard]] wire::ReplyEdns reply_edns(const wire::Query& query, const Snapshot& snapshot,
                                         const Endpoint& client, Transport transport) noexcept;

/// TTL of stale data, seconds (RFC 8767 section 5.2).
inline constexpr std::uint32_t kStaleTtl = 30;

// Each writes one reply into `context.out` and returns its size; 0 sends nothing. No I/O.

/// FORMERR, NOTIMP, BADVERS, or the NOERROR of a cookie-only query: whatever is no question.
[[nodiscard]] std::size_t write_rejection(const wire::Query& query, ReplyContext& context) noexcept;

/// A question of another class than IN: `version.bind` of CHAOS by option, else REFUSED.
[[nodiscard]] std::size_t write_other_class(const wire::Query& query, const Snapshot& snapshot,
                                            ReplyContext& context) noexcept;

/// TC=1 and no record: the client is to ask by TCP.
[[nodiscard]] std::size_t write_truncated(const wire::Query& query, ReplyContext& context) noexcept;

/// Every outcome but kForward.
[[nodiscard]] std::size_t write_decided(const wire::Query& query, const Snapshot& snapshot,
                                        const Decision& decision, ReplyContext& context);

/// An upstream's answer, TTLs counted down to `now`; stale once they are over.
[[nodiscard]] std::size_t write_answer(const wire::Query& query, const Decision& decision,
                                       const cache::Answer& answer, Instant now,
                                       ReplyContext& context) noexcept;

/// NODATA: the policy opens none of the answer's addresses, and `why`.
[[nodiscard]] std::size_t write_filtered(const wire::Query& query, const Snapshot& snapshot,
                                         const Decision& decision, std::string_view why,
                                         ReplyContext& context);

/// SERVFAIL: the firewall could not be opened for the answer.
[[nodiscard]] std::size_t write_shut(const wire::Query& query, const Decision& decision,
                                     ReplyContext& context);

/// No answer, and no stale data: the reply that the policy sets for this case.
[[nodiscard]] std::size_t write_failure(const wire::Query& query, const Snapshot& snapshot,
                                        const Decision& decision, UpstreamFailure failure,
                                        ReplyContext& context);

}  // namespace nxgate::engine
