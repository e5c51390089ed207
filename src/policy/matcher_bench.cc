#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "policy/list.h"
#include "policy/matcher.h"
#include "policy/rule_set.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

constexpr std::size_t kAsked = 4096;

/// Names spread over a list of `count`, with a label in front that no list has if `front` says so.
std::vector<wire::DomainName> asked(std::size_t count, const std::string& front) {
  std::vector<wire::DomainName> names;
  for (std::size_t i = 0; i < kAsked; ++i) {
    const std::size_t number = i * 7919 % count;
    names.push_back(*wire::DomainName::from_text(front + "host" + std::to_string(number) + ".com"));
  }
  return names;
}

Matcher matcher_of(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "host" + std::to_string(i) + ".com\n";
  RuleSet rules;
  rules.add(parse_list(text, {"bench.list"}, Action::kDeny));
  return Matcher(std::move(rules), {}, {});
}

void match(benchmark::State& state, const std::string& front) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const Matcher matcher = matcher_of(count);
  const auto names = asked(count, front);
  std::size_t next = 0;
  for (auto _ : state) {
    const wire::SuffixHashes hashes(names[next++ % kAsked], wire::process_hash_key());
    benchmark::DoNotOptimize(matcher.match(hashes));
  }
  state.counters["bytes/name"] = static_cast<double>(matcher.bytes()) / static_cast<double>(count);
}

void listed(benchmark::State& state) { match(state, ""); }
void below_a_listed_one(benchmark::State& state) { match(state, "www."); }
void not_listed(benchmark::State& state) { match(state, "not"); }

BENCHMARK(listed)->Arg(100)->Arg(1'000'000);
BENCHMARK(below_a_listed_one)->Arg(100)->Arg(1'000'000);
BENCHMARK(not_listed)->Arg(100)->Arg(1'000'000);

}  // namespace
}  // namespace nxgate::policy
