#include "engine/responder.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "engine/cookie.h"
#include "engine/decision.h"
#include "engine/failure.h"
#include "engine/reason.h"
#include "engine/snapshot.h"
#include "engine/upstream.h"
#include "policy/local_data.h"
#include "policy/policy.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/rebase.h"
#include "wire/reply.h"
#include "wire/types.h"

namespace nxgate::engine {
namespace {

using wire::ReplyWriter;

/// EXTRA-TEXT of an EDE, without heap. What doesn't fit is left out.
class ExtraText {
 public:
  ExtraText(std::initializer_list<std::string_view> parts) noexcept {
    for (const std::string_view part : parts) {
      size_ += part.copy(text_.data() + size_, text_.size() - size_);
    }
  }
  explicit ExtraText(const Reason& reason) noexcept : size_(write_text(reason, text_)) {}
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 160> text_;
  std::size_t size_ = 0;
};

std::size_t write_negative(const wire::Query& query, const Snapshot& snapshot, wire::Rcode rcode,
                           std::uint32_t ttl, ReplyContext& context) noexcept {
  ReplyWriter writer(context.out, query, context.limit);
  writer.authoritative();
  writer.rcode(rcode);
  writer.soa(ttl, snapshot.generation);
  return writer.finish(context.edns);
}

std::size_t write_rcode(const wire::Query& query, wire::Rcode rcode,
                        ReplyContext& context) noexcept {
  ReplyWriter writer(context.out, query, context.limit);
  writer.rcode(rcode);
  if (query.parsed == wire::Parsed::kNotImp) writer.other_opcode();
  return writer.finish(context.edns);
}

std::size_t write_address(const wire::Query& query, const Snapshot& snapshot,
                          const policy::Policy& policy, ReplyContext& context) noexcept {
  const auto& address = query.question.type == wire::Type::kA ? policy.deny_v4 : policy.deny_v6;
  const bool is_address =
      query.question.type == wire::Type::kA || query.question.type == wire::Type::kAaaa;
  if (!is_address || !address) {
    return write_negative(query, snapshot, wire::Rcode::kNoError, policy.negative_ttl, context);
  }
  ReplyWriter writer(context.out, query, context.limit);
  writer.authoritative();
  writer.answer(ReplyWriter::kQnameAt, query.question.type, policy.negative_ttl, address->bytes());
  return writer.finish(context.edns);
}

std::size_t write_denied(const wire::Query& query, const Snapshot& snapshot,
                         const policy::Policy& policy, ReplyContext& context) noexcept {
  switch (policy.deny) {
    case policy::DenyReply::kNxDomain:
      return write_negative(query, snapshot, wire::Rcode::kNxDomain, policy.negative_ttl, context);
    case policy::DenyReply::kNoData:
      return write_negative(query, snapshot, wire::Rcode::kNoError, policy.negative_ttl, context);
    case policy::DenyReply::kRefused:
      return write_rcode(query, wire::Rcode::kRefused, context);
    case policy::DenyReply::kDrop:
      return 0;
    case policy::DenyReply::kAddress:
      return write_address(query, snapshot, policy, context);
  }
  return 0;
}

/// Writes the local CNAMEs from the qname to `decision.asked`; returns where that name stands.
std::size_t write_local_chain(ReplyWriter& writer, const wire::Query& query,
                              const Decision& decision) noexcept {
  std::size_t owner_at = ReplyWriter::kQnameAt;
  wire::DomainName name = query.question.name;
  while (name != decision.asked) {
    const wire::SuffixHashes hashes(name, wire::process_hash_key());
    const auto* const cname = cname_to_follow(decision.local->find(hashes), query.question.type);
    const auto target = cname == nullptr ? std::nullopt : wire::DomainName::parse(cname->rdata);
    if (!target) break;
    owner_at = writer.answer(owner_at, wire::Type::kCname, cname->ttl, cname->rdata);
    name = *target;
  }
  return owner_at;
}

std::size_t write_local(const wire::Query& query, const Snapshot& snapshot,
                        const Decision& decision, ReplyContext& context) noexcept {
  ReplyWriter writer(context.out, query, context.limit);
  writer.authoritative();
  const std::size_t owner_at = write_local_chain(writer, query, decision);
  const wire::SuffixHashes hashes(decision.asked, wire::process_hash_key());
  bool found = false;
  for (const policy::LocalRecord& record : decision.local->find(hashes)) {
    if (record.type != query.question.type) continue;
    writer.answer(owner_at, record.type, record.ttl, record.rdata);
    found = true;
    if (writer.full()) break;
  }
  if (!found) writer.soa(decision.policy->negative_ttl, snapshot.generation);
  return writer.finish(context.edns);
}

/// The synthesized answer of RFC 8482 section 4.2.
std::size_t write_any(const wire::Query& query, const policy::Policy& policy,
                      ReplyContext& context) noexcept {
  static constexpr std::array<std::uint8_t, 9> kHinfo{7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
  ReplyWriter writer(context.out, query, context.limit);
  writer.answer(ReplyWriter::kQnameAt, wire::Type::kHinfo, policy.negative_ttl, kHinfo);
  return writer.finish(context.edns);
}

/// Counts the TTLs of a stored body down, or sets them all for stale data.
void age(MutableBytes body, const cache::Answer& answer, std::uint32_t elapsed,
         bool stale) noexcept {
  for (const std::uint16_t offset : answer.ttl_offsets) {
    std::uint8_t* const at = body.data() + offset;
    const std::uint32_t stored = static_cast<std::uint32_t>(at[0]) << 24 |
                                 static_cast<std::uint32_t>(at[1]) << 16 |
                                 static_cast<std::uint32_t>(at[2]) << 8 | at[3];
    const std::uint32_t ttl = stale ? kStaleTtl : stored - std::min(stored, elapsed);
    at[0] = static_cast<std::uint8_t>(ttl >> 24);
    at[1] = static_cast<std::uint8_t>(ttl >> 16);
    at[2] = static_cast<std::uint8_t>(ttl >> 8);
    at[3] = static_cast<std::uint8_t>(ttl);
  }
}

}  // namespace

wire::ReplyEdns reply_edns(const wire::Query& query, const Snapshot& snapshot,
                           const Endpoint& client, Transport transport) noexcept {
  wire::ReplyEdns edns;
  if (!query.edns) return edns;
  if (query.edns->cookie) {
    edns.cookie = make_cookie(*query.edns->cookie, client.address,
                              static_cast<std::uint32_t>(std::time(nullptr)));
  }
  if (query.edns->asks_keepalive && transport == Transport::kTcp) {
    const auto tenths = snapshot.options.tcp_idle / Milliseconds(100);
    edns.keepalive = static_cast<std::uint16_t>(std::min<std::int64_t>(tenths, UINT16_MAX));
  }
  return edns;
}

std::size_t write_rejection(const wire::Query& query, ReplyContext& context) noexcept {
  switch (query.parsed) {
    case wire::Parsed::kDrop:
      return 0;
    case wire::Parsed::kFormErr:
      return write_rcode(query, wire::Rcode::kFormErr, context);
    case wire::Parsed::kNotImp:
      return write_rcode(query, wire::Rcode::kNotImp, context);
    case wire::Parsed::kBadVers:
      return write_rcode(query, wire::Rcode::kBadVers, context);
    case wire::Parsed::kCookieOnly:
    case wire::Parsed::kQuery:
      return write_rcode(query, wire::Rcode::kNoError, context);
  }
  return 0;
}

std::size_t write_other_class(const wire::Query& query, const Snapshot& snapshot,
                              ReplyContext& context) noexcept {
  static const auto kVersionBind = wire::DomainName::from_text("version.bind");
  const std::string_view version = snapshot.options.version_bind;
  const bool asks_version =
      query.question.qclass == wire::Class::kChaos && query.question.name == *kVersionBind &&
      (query.question.type == wire::Type::kTxt || query.question.type == wire::Type::kAny);
  if (!asks_version || version.empty()) return write_rcode(query, wire::Rcode::kRefused, context);

  std::array<std::uint8_t, 256> rdata{};
  const std::size_t length = std::min<std::size_t>(version.size(), 255);
  rdata[0] = static_cast<std::uint8_t>(length);
  std::copy_n(version.begin(), length, rdata.begin() + 1);
  ReplyWriter writer(context.out, query, context.limit);
  writer.authoritative();
  writer.answer(ReplyWriter::kQnameAt, wire::Type::kTxt, wire::Class::kChaos, 0,
                Bytes(rdata).first(length + 1));
  return writer.finish(context.edns);
}

std::size_t write_truncated(const wire::Query& query, ReplyContext& context) noexcept {
  ReplyWriter writer(context.out, query, context.limit);
  writer.truncated();
  return writer.finish(context.edns);
}

std::size_t write_decided(const wire::Query& query, const Snapshot& snapshot,
                          const Decision& decision, ReplyContext& context) {
  constexpr std::uint32_t kProhibitedTtl = 10;
  const bool root = query.question.name.is_root();
  if (decision.outcome == Outcome::kProhibited) {
    const ExtraText text(reason_of(decision));
    context.edns.ede = wire::Ede::kProhibited;
    context.edns.extra_text = text.view();
    const wire::Rcode rcode = root ? wire::Rcode::kNoError : wire::Rcode::kNxDomain;
    return write_negative(query, snapshot, rcode, kProhibitedTtl, context);
  }
  const policy::Policy& policy = *decision.policy;
  if (decision.outcome == Outcome::kLocal) return write_local(query, snapshot, decision, context);
  if (decision.outcome == Outcome::kAny) return write_any(query, policy, context);
  if (decision.outcome == Outcome::kTransfer) {
    return write_rcode(query, wire::Rcode::kRefused, context);
  }
  if (!query.edns) {
    return decision.outcome == Outcome::kDeny
               ? write_denied(query, snapshot, policy, context)
               : write_negative(query, snapshot, wire::Rcode::kNoError, policy.negative_ttl,
                                context);
  }
  const ExtraText text(reason_of(decision));
  context.edns.ede = wire::Ede::kBlocked;
  context.edns.extra_text = text.view();
  if (decision.outcome == Outcome::kDeny) return write_denied(query, snapshot, policy, context);
  return write_negative(query, snapshot, wire::Rcode::kNoError, policy.negative_ttl, context);
}

std::size_t write_answer(const wire::Query& query, const Decision& decision,
                         const cache::Answer& answer, Instant now, ReplyContext& context) noexcept {
  const std::uint32_t elapsed = cache::elapsed_seconds(answer, now);
  const bool stale = elapsed >= answer.ttl && answer.ttl != 0;
  ReplyWriter writer(context.out, query, context.limit);
  writer.rcode(answer.rcode);
  const std::size_t owner_at = write_local_chain(writer, query, decision);
  const std::size_t placed_at = writer.size();
  const MutableBytes body = writer.sections(answer.body, answer.answers, answer.authorities);
  if (!body.empty()) {
    age(body, answer, elapsed, stale);
    if (owner_at != ReplyWriter::kQnameAt) {
      const std::size_t made_for = wire::kHeaderSize + decision.asked.wire().size() + 4;
      if (!wire::rebase_owners(body, made_for, placed_at, owner_at)) return 0;
    }
  }
  // What is stale isn't valid any more, and what our own records lead to isn't validated.
  if (answer.authentic && !stale && owner_at == ReplyWriter::kQnameAt && query.wants_authentic()) {
    writer.authentic();
  }
  if (stale) {
    context.edns.ede = answer.rcode == wire::Rcode::kNxDomain ? wire::Ede::kStaleNxDomain
                                                              : wire::Ede::kStaleAnswer;
  }
  return writer.finish(context.edns);
}

std::size_t write_filtered(const wire::Query& query, const Snapshot& snapshot,
                           const Decision& decision, std::string_view why, ReplyContext& context) {
  const ExtraText text{"policy=", decision.policy->name, " egress=", why};
  context.edns.ede = wire::Ede::kFiltered;
  context.edns.extra_text = text.view();
  return write_negative(query, snapshot, wire::Rcode::kNoError, decision.policy->negative_ttl,
                        context);
}

std::size_t write_shut(const wire::Query& query, const Decision& decision, ReplyContext& context) {
  const ExtraText text{"policy=", decision.policy->name,
                       " egress=the firewall could not be opened"};
  context.edns.ede = wire::Ede::kOther;
  context.edns.extra_text = text.view();
  return write_rcode(query, wire::Rcode::kServFail, context);
}

std::size_t write_failure(const wire::Query& query, const Snapshot& snapshot,
                          const Decision& decision, UpstreamFailure failure,
                          ReplyContext& context) {
  const FailureWords words = words_of(failure);
  const ExtraText text{"upstream=", snapshot.groups[decision.upstream].name, ": ", words.text};
  context.edns.ede = words.ede;
  context.edns.extra_text = text.view();
  switch (decision.policy->on_upstream_failure) {
    case policy::FailureReply::kServFail:
      return write_rcode(query, wire::Rcode::kServFail, context);
    case policy::FailureReply::kNxDomain:
      return write_negative(query, snapshot, wire::Rcode::kNxDomain, decision.policy->negative_ttl,
                            context);
  }
  return 0;
}

}  // namespace nxgate::engine
