#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "cache/cache.h"

namespace nxgate::cache {
namespace {

constexpr std::size_t kNames = 4096;

std::vector<Key> keys() {
  std::vector<Key> made;
  for (std::size_t i = 0; i < kNames; ++i) {
    const auto name = wire::DomainName::from_text("host" + std::to_string(i) + ".example.com");
    made.push_back({.question = {*name, wire::Type::kA, wire::Class::kIn},
                    .hash = wire::hash_of(*name, wire::process_hash_key()),
                    .group = 1});
  }
  return made;
}

wire::ScrubbedAnswer scrubbed() {
  wire::ScrubbedAnswer made;
  made.answers = 1;
  made.ttl = 60;
  made.size = 16;
  made.offsets[0] = 6;
  made.offset_count = 1;
  return made;
}

/// Holds an answer for each of `keys`.
struct Filled {
  Filled() {
    wire::ScrubbedAnswer answer = scrubbed();
    for (const Key& key : filed) cache.insert(make_answer(key, answer, cache.limits(), now));
  }
  const Instant now = Clock::now();
  const std::vector<Key> filed = keys();
  Cache cache{{}};
};

Filled& shared() {
  static Filled made;
  return made;
}

/// Every thread asks for all names, each from another one on.
void hit(benchmark::State& state) {
  Filled& filled = shared();
  std::size_t next = static_cast<std::size_t>(state.thread_index()) * kNames / 2;
  for (auto _ : state) {
    benchmark::DoNotOptimize(filled.cache.find(filled.filed[next++ % kNames], filled.now));
  }
}
BENCHMARK(hit)->ThreadRange(1, 2);

/// All threads ask for one name, whose lock and count of holders they share.
void hit_one_name(benchmark::State& state) {
  Filled& filled = shared();
  for (auto _ : state) {
    benchmark::DoNotOptimize(filled.cache.find(filled.filed[0], filled.now));
  }
}
BENCHMARK(hit_one_name)->ThreadRange(1, 2);

void miss(benchmark::State& state) {
  const Instant now = Clock::now();
  Cache cache({});
  const std::vector<Key> asked = keys();
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.find(asked[next++ % kNames], now));
  }
}
BENCHMARK(miss);

/// Into a cache too small for all the names, so that each insertion also drops an older answer.
void insert(benchmark::State& state) {
  const Instant now = Clock::now();
  wire::ScrubbedAnswer answer = scrubbed();
  Cache cache({.bytes = 1 << 20});
  const std::vector<Key> filed = keys();
  std::size_t next = 0;
  for (auto _ : state) {
    cache.insert(make_answer(filed[next++ % kNames], answer, cache.limits(), now));
  }
}
BENCHMARK(insert);

}  // namespace
}  // namespace nxgate::cache
