#include "cache/cache.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/bytes.h"
#include "base/client_key.h"
#include "base/clock.h"
#include "wire/answer.h"

namespace nxgate::cache {
namespace {

/// What an entry costs beside the answer's own bytes: list node, table slot, control block.
constexpr std::size_t kOverhead = 128;

std::size_t cost(const Answer& answer) {
  return sizeof(Answer) + kOverhead + answer.body.size() + answer.ttl_offsets.size_bytes() +
         answer.targets.size_bytes();
}

/// Copies `parts` to `at`, which moves behind them.
template <class Part>
std::span<const Part> place(std::span<const Part> parts, std::byte*& at) {
  Part* const first = reinterpret_cast<Part*>(at);
  std::uninitialized_copy(parts.begin(), parts.end(), first);
  at += parts.size_bytes();
  return {first, parts.size()};
}

/// Fetches all of an answer that a hit reads at once, where each line would else wait for the last.
void prefetch(const Answer& answer) noexcept {
  __builtin_prefetch(&answer);
  __builtin_prefetch(&answer.targets);
  __builtin_prefetch(&answer.key);
  __builtin_prefetch(&answer.key.question.type);
}

std::uint32_t bounded_ttl(std::uint32_t ttl, std::uint32_t least, std::uint32_t most) noexcept {
  return ttl == 0 ? 0 : std::min(std::max(ttl, least), most);
}

}  // namespace

std::size_t KeyHash::operator()(const Key& key) const noexcept {
  constexpr std::uint64_t kMix = 0x9e37'79b9'7f4a'7c15;
  std::uint64_t hash = key.hash;
  hash ^= (static_cast<std::uint64_t>(key.question.type) << 32 |
           static_cast<std::uint64_t>(key.question.qclass) << 16 |
           static_cast<std::uint64_t>(key.dnssec_ok) << 1 |
           static_cast<std::uint64_t>(key.checking_disabled)) *
          kMix;
  hash ^= (key.group + 1) * (kMix << 1 | 1) ^ key.part;
  hash = (hash ^ hash >> 32) * kMix;
  return hash ^ hash >> 29;
}

// SIEVE (Zhang et al., NSDI 2024), in each queue: new entries go in at the front; the hand moves
// from the back towards the front, spares an entry that was hit since it last came by, and evicts
// the first that was not. A hit sets one bit, so a scan of one-time names can't push out the
// popular ones.
struct Cache::Shard {
  static constexpr std::size_t kQueues = 32;

  struct Entry {
    std::shared_ptr<const Answer> answer;
    std::uint64_t slot = 0;
    std::size_t cost = 0;
    std::uint8_t queue = 0;
    bool visited = false;
  };
  using Entries = std::list<Entry>;
  struct Queue {
    Entries entries;
    Entries::iterator hand = entries.end();
    std::size_t bytes = 0;
  };

  void evict_one() {
    auto& [entries, hand, size] = *std::ranges::max_element(queues, {}, &Queue::bytes);
    while (true) {
      if (hand == entries.end()) hand = std::prev(entries.end());
      if (!hand->visited) break;
      hand->visited = false;
      hand = hand == entries.begin() ? entries.end() : std::prev(hand);
    }
    erase(hand);
  }

  void erase(Entries::iterator entry) {
    auto& [entries, hand, size] = queues[entry->queue];
    if (hand == entry) hand = entry == entries.begin() ? entries.end() : std::prev(entry);
    size -= entry->cost;
    bytes -= entry->cost;
    index.erase(entry->slot);
    entries.erase(entry);
  }

  mutable std::mutex mutex;
  std::array<Queue, kQueues> queues;
  boost::unordered_flat_map<std::uint64_t, Entries::iterator> index;
  std::size_t bytes = 0;
  std::uint64_t evictions = 0;
};

static_assert(std::is_trivially_destructible_v<Answer>);

std::shared_ptr<Answer> new_answer(Bytes body, std::span<const std::uint16_t> ttl_offsets,
                                   std::span<const wire::DomainName> targets) {
  using Block = std::max_align_t;
  const std::size_t size =
      sizeof(Answer) + ttl_offsets.size_bytes() + targets.size_bytes() + body.size();
  const auto memory =
      std::make_shared_for_overwrite<Block[]>((size + sizeof(Block) - 1) / sizeof(Block));
  auto* at = reinterpret_cast<std::byte*>(memory.get());
  auto* const answer = new (at) Answer;
  at += sizeof(Answer);
  answer->ttl_offsets = place(ttl_offsets, at);
  answer->targets = place(targets, at);
  answer->body = place(body, at);
  return {memory, answer};
}

std::shared_ptr<const Answer> make_answer(const Key& key, wire::ScrubbedAnswer& scrubbed,
                                          const Limits& limits, Instant now) {
  const std::uint32_t most =
      scrubbed.negative ? std::min(limits.most_ttl, limits.most_negative_ttl) : limits.most_ttl;
  for (const std::uint16_t offset : scrubbed.ttl_offsets()) {
    std::uint8_t* const at = scrubbed.bytes.data() + offset;
    std::uint32_t ttl = 0;
    for (int i = 0; i < 4; ++i) ttl = ttl << 8 | at[i];
    ttl = bounded_ttl(ttl, limits.least_ttl, most);
    for (int i = 3; i >= 0; --i, ttl >>= 8) at[i] = static_cast<std::uint8_t>(ttl);
  }
  auto answer = new_answer(scrubbed.body(), scrubbed.ttl_offsets(),
                           std::span(scrubbed.targets).first(scrubbed.target_count));
  answer->key = key;
  answer->rcode = scrubbed.rcode;
  answer->answers = scrubbed.answers;
  answer->authorities = scrubbed.authorities;
  answer->negative = scrubbed.negative;
  answer->authentic = scrubbed.authentic;
  answer->open = scrubbed.open;
  answer->stored = now;
  answer->ttl = bounded_ttl(scrubbed.ttl, limits.least_ttl, most);
  return answer;
}

std::uint32_t elapsed_seconds(const Answer& answer, Instant now) noexcept {
  const auto elapsed = std::chrono::floor<Seconds>(now - answer.stored).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(elapsed, 0, UINT32_MAX));
}

Cache::Cache(const Limits& limits)
    : limits_(limits), shards_(std::make_unique<std::array<Shard, kShards>>()) {}

Cache::~Cache() = default;

/// A queue that the client has in this shard and, most likely, not in the next one.
std::uint8_t Cache::queue_of(ClientKey client, std::uint64_t slot) noexcept {
  const std::uint64_t mixed = (client.value + 2 * shard_number(slot) + 1) * 0x9e37'79b9'7f4a'7c15;
  return static_cast<std::uint8_t>((mixed ^ mixed >> 29) * 0xbf58'476d'1ce4'e5b9 >> 59);
}

std::size_t Cache::shard_number(std::uint64_t slot) noexcept { return slot >> 32 & (kShards - 1); }

Cache::Shard& Cache::shard(std::uint64_t slot) const noexcept {
  return (*shards_)[shard_number(slot)];
}

std::shared_ptr<const Answer> Cache::find(const Key& key, Instant now) noexcept {
  const std::uint64_t slot = KeyHash{}(key);
  Shard& in = shard(slot);
  const std::lock_guard lock(in.mutex);
  const auto found = in.index.find(slot);
  if (found == in.index.end()) return nullptr;
  Shard::Entry& entry = *found->second;
  prefetch(*entry.answer);
  if (!(entry.answer->key == key)) return nullptr;
  if (elapsed_seconds(*entry.answer, now) >= std::uint64_t{entry.answer->ttl} + limits_.stale) {
    in.erase(found->second);
    return nullptr;
  }
  entry.visited = true;
  return entry.answer;
}

void Cache::insert(std::shared_ptr<const Answer> answer, ClientKey client) {
  const std::size_t most = limits_.bytes / kShards;
  const std::size_t size = cost(*answer);
  if (answer->ttl == 0 || size > most) return;
  const std::uint64_t slot = KeyHash{}(answer->key);
  Shard& in = shard(slot);
  const std::lock_guard lock(in.mutex);
  if (const auto old = in.index.find(slot); old != in.index.end()) in.erase(old->second);
  for (; in.bytes + size > most; ++in.evictions) in.evict_one();
  const std::uint8_t number = queue_of(client, slot);
  Shard::Queue& queue = in.queues[number];
  queue.entries.push_front({std::move(answer), slot, size, number, false});
  in.index.emplace(slot, queue.entries.begin());
  queue.bytes += size;
  in.bytes += size;
}

std::size_t Cache::flush(const wire::DomainName& name) {
  std::size_t count = 0;
  for (Shard& each : *shards_) {
    const std::lock_guard lock(each.mutex);
    for (Shard::Queue& queue : each.queues) {
      for (auto entry = queue.entries.begin(); entry != queue.entries.end();) {
        const auto here = entry++;
        if (!here->answer->key.question.name.is_at_or_below(name)) continue;
        each.erase(here);
        ++count;
      }
    }
  }
  return count;
}

std::size_t Cache::bytes() const {
  std::size_t total = 0;
  for (const Shard& each : *shards_) {
    const std::lock_guard lock(each.mutex);
    total += each.bytes;
  }
  return total;
}

std::uint64_t Cache::evictions() const {
  std::uint64_t total = 0;
  for (const Shard& each : *shards_) {
    const std::lock_guard lock(each.mutex);
    total += each.evictions;
  }
  return total;
}

std::size_t Cache::size() const {
  std::size_t total = 0;
  for (const Shard& each : *shards_) {
    const std::lock_guard lock(each.mutex);
    total += each.index.size();
  }
  return total;
}

}  // namespace nxgate::cache
