#include <string>

#include <benchmark/benchmark.h>

#include "base/bytes.h"
#include "wire/query.h"

namespace nxgate::wire {
namespace {

using namespace std::string_literals;

const std::string kPlain = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7Example\3com\0\0\1\0\1"s;
const std::string kWithCookie =
    "\x12\x34\1\0\0\1\0\0\0\0\0\1\3www\7Example\3com\0\0\1\0\1"
    "\0\0\x29\4\xd0\0\0\0\0\0\x0c\0\x0a\0\x08\1\2\3\4\5\6\7\x08"s;

void parse(benchmark::State& state, const std::string& message) {
  const Bytes bytes{reinterpret_cast<const std::uint8_t*>(message.data()), message.size()};
  for (auto _ : state) {
    benchmark::DoNotOptimize(parse_query(bytes));
  }
}
BENCHMARK_CAPTURE(parse, plain, kPlain);
BENCHMARK_CAPTURE(parse, with_cookie, kWithCookie);

}  // namespace
}  // namespace nxgate::wire
