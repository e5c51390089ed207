#include "engine/debug_log.h"

#include <chrono>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/decision.h"
#include "engine/failure.h"
#include "engine/reason.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::engine {
namespace {

std::string_view to_string(wire::Parsed parsed) noexcept {
  switch (parsed) {
    case wire::Parsed::kDrop:
      return "dropped";
    case wire::Parsed::kFormErr:
      return "malformed: FORMERR";
    case wire::Parsed::kNotImp:
      return "unknown opcode: NOTIMP";
    case wire::Parsed::kBadVers:
      return "unknown EDNS version: BADVERS";
    case wire::Parsed::kCookieOnly:
      return "cookie only";
    case wire::Parsed::kQuery:
      return "another class than IN";
  }
  return {};
}

}  // namespace

std::string_view to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kProhibited:
      return "prohibited";
    case Outcome::kDeny:
      return "denied";
    case Outcome::kAncestor:
      return "nodata, lies above an allowed name";
    case Outcome::kSuppressed:
      return "nodata, type suppressed";
    case Outcome::kLocal:
      return "local";
    case Outcome::kAny:
      return "any, HINFO";
    case Outcome::kTransfer:
      return "transfer refused";
    case Outcome::kForward:
      return "forwarded";
  }
  return {};
}

std::string_view to_string(Outcome outcome, Source source, UpstreamFailure failure) noexcept {
  switch (source) {
    case Source::kOwn:
      return to_string(outcome);
    case Source::kCache:
      return "cached";
    case Source::kUpstream:
      return "forwarded";
    case Source::kStale:
      return "stale";
    case Source::kFailure:
      return words_of(failure).text;
  }
  return {};
}

void log_query(const Endpoint& client, const wire::Query& query, const Decision& decision,
               Source source, UpstreamFailure failure, Instant received) {
  const std::chrono::duration<double, std::milli> taken = Clock::now() - received;
  log::write(log::Level::kQuery,
             fmt::format("{} {} {} {} ({}) {:.3f} ms", client.to_string(),
                         query.question.name.to_text(), wire::to_string(query.question.type),
                         to_string(decision.outcome, source, failure),
                         to_string(reason_of(decision)), taken.count()));
}

void log_rejection(const Endpoint& client, const wire::Query& query) {
  if (!log::enabled(log::Level::kQuery)) return;
  log::write(log::Level::kQuery, fmt::format("{} {}", client.to_string(), to_string(query.parsed)));
}

}  // namespace nxgate::engine
