#include "forward/last_exchanges.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>

#include "cache/cache.h"
#include "wire/name.h"
#include "wire/query.h"
#include "wire/types.h"

namespace nxgate::forward {

/// The hash of the name is keyed, so nobody can choose whose place a name takes.
std::size_t LastExchanges::place_of(std::uint64_t name_hash, wire::Type type,
                                    std::uint32_t group) noexcept {
  constexpr std::uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
  const std::uint64_t rest = std::uint64_t{group} << 16 | static_cast<std::uint16_t>(type);
  return ((name_hash ^ rest * kOdd) >> 32) % kPlaces;
}

void LastExchanges::note(const cache::Key& key, const LastExchange& last) noexcept {
  Place& place = places_[place_of(key.hash, key.question.type, key.group)];
  if (place.in_use.test_and_set(std::memory_order_acquire)) return;
  place.group = key.group;
  place.question = key.question;
  place.last = last;
  place.in_use.clear(std::memory_order_release);
}

std::optional<LastExchange> LastExchanges::find(const wire::Question& question,
                                                std::uint32_t group) const {
  const std::uint64_t hash = wire::hash_of(question.name, wire::process_hash_key());
  const Place& place = places_[place_of(hash, question.type, group)];
  while (place.in_use.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  std::optional<LastExchange> found;
  if (place.group == group && place.question == question) found = place.last;
  place.in_use.clear(std::memory_order_release);
  return found;
}

}  // namespace nxgate::forward
