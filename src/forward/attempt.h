// One question put to one server once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "engine/snapshot.h"
#include "sys/netns.h"
#include "wire/answer.h"
#include "wire/query.h"

namespace nxgate::forward {

/// How an attempt ended.
enum class Attempted : std::uint8_t {
  kSilent = 0,   ///< nothing that counts came in time
  kAnswered,     ///< `answer` holds it
  kUnreachable,  ///< the network said so: ENETUNREACH, EHOSTUNREACH, ECONNREFUSED
  kRefused,      ///< an rcode that is no answer, from a server that is alive
  kMalformed,    ///< ours, but broken
};

/// What is asked of whom until when.
struct AttemptSpec {
  wire::Question question;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  engine::UpstreamServer server;
  sys::NetnsRef netns;
  Instant deadline;
};

/// Asks over UDP, and over TCP when the answer is truncated, when somebody guesses ids (as BIND
/// does since CVE-2025-40780), or when the server is a TCP one.
///
/// Each call draws a new id, source port and letter case from a CSPRNG (RFC 5452). The socket is
/// connected, so that the kernel lets through the asked address and port only; what comes and isn't
/// ours is ignored (draft-ietf-dnsop-response-preprocessing). `scratch` is filled only between this
/// coroutine's last resumption and its end, so one may serve all attempts of a loop.
[[nodiscard]] boost::asio::awaitable<Attempted> attempt(AttemptSpec spec,
                                                        wire::ScrubbedAnswer& scratch);

}  // namespace nxgate::forward
