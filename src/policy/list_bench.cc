#include <cstdint>
#include <string>

#include <benchmark/benchmark.h>

#include "policy/list.h"
#include "policy/rule.h"
#include "policy/rule_set.h"

namespace nxgate::policy {
namespace {

void load(benchmark::State& state, Action action) {
  std::string text;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    text += "host" + std::to_string(i) + ".domain" + std::to_string(i % 997) + ".com\n";
  }
  for (auto _ : state) {
    RuleSet rules;
    rules.add(parse_list(text, {"bench.list"}, action));
    benchmark::DoNotOptimize(rules.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void load_denied(benchmark::State& state) { load(state, Action::kDeny); }
/// Each name is looked up among the public suffixes as well.
void load_allowed(benchmark::State& state) { load(state, Action::kAllow); }

BENCHMARK(load_denied)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(load_allowed)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nxgate::policy
