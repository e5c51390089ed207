#include "engine/chain.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "engine/decision.h"
#include "engine/responder.h"
#include "engine/snapshot.h"
#include "wire/answer.h"
#include "wire/joining.h"
#include "wire/query.h"
#include "wire/types.h"
#include "wire/upstream_query.h"

namespace nxgate::engine {
namespace {

using Buffer = std::vector<std::uint8_t>;

/// A question of our own, as if a client without EDNS had put it.
struct Asked {
  explicit Asked(const wire::Question& question) {
    size = wire::write_upstream_query({.question = question, .edns = false}, bytes);
    query = wire::parse_query(Bytes(bytes).first(size));
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  std::array<std::uint8_t, wire::kLargestUpstreamQuery> bytes;
  std::size_t size = 0;
  wire::Query query;
};

/// The whole reply to `query`, as `write` makes it.
template <class Write>
Buffer reply_by(Write&& write) {
  Buffer buffer(wire::kLargestMessage);
  ReplyContext context{buffer, buffer.size(), {}};
  buffer.resize(write(context));
  return buffer;
}

}  // namespace

bool Chain::next(const policy::Policy& policy, Instant now) {
  if (++links_ > kMostLinks) return false;
  target_ = {so_far_->targets.back(), key_.question.type, key_.question.qclass};
  decision_ = decide_target(policy, target_, now);
  return true;
}

cache::Key Chain::next_key(const Snapshot& snapshot) const {
  cache::Key key = key_;
  key.question.name = decision_.asked;
  key.hash = decision_.asked_hash;
  key.group = snapshot.groups[decision_.upstream].identity;
  return key;
}

bool Chain::extend(const Snapshot& snapshot, const cache::Answer* answer,
                   const cache::Limits& limits, Instant now) {
  const Asked first(key_.question);
  const Asked second(target_);
  Decision as_asked;
  as_asked.asked = key_.question.name;
  const Buffer begin = reply_by([&](ReplyContext& context) {
    return write_answer(first.query, as_asked, *so_far_, now, context);
  });
  const Buffer end = reply_by([&](ReplyContext& context) {
    return answer != nullptr ? write_answer(second.query, decision_, *answer, now, context)
                             : write_decided(second.query, snapshot, decision_, context);
  });
  Buffer whole(wire::kLargestMessage);
  whole.resize(wire::join_answers(begin, end, whole));
  std::array<std::uint8_t, wire::kLargestUpstreamQuery> sent;
  const std::size_t sent_size = wire::write_upstream_query(
      {.question = key_.question, .id = 0, .dnssec_ok = key_.dnssec_ok}, sent);
  const auto scrubbed = std::make_unique<wire::ScrubbedAnswer>();
  if (!wire::scrub_answer(whole, Bytes(sent).first(sent_size), wire::LetterCase::kExact,
                          *scrubbed)) {
    return false;
  }
  so_far_ = cache::make_answer(key_, *scrubbed, limits, now);
  return true;
}

}  // namespace nxgate::engine
