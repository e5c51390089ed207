#include <array>
#include <cstdint>
#include <string>

#include <benchmark/benchmark.h>

#include "base/bytes.h"
#include "wire/reply.h"

namespace nxgate::wire {
namespace {

using namespace std::string_literals;

const std::string kMessage =
    "\x12\x34\1\0\0\1\0\0\0\0\0\1\3www\7Example\3com\0\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\0"s;
const Query kQuery =
    parse_query({reinterpret_cast<const std::uint8_t*>(kMessage.data()), kMessage.size()});
constexpr std::array<std::uint8_t, 4> kAddress = {192, 0, 2, 1};

void denial(benchmark::State& state) {
  std::array<std::uint8_t, 512> buffer;
  for (auto _ : state) {
    ReplyWriter writer(buffer, kQuery, reply_limit(kQuery, false));
    writer.rcode(Rcode::kNxDomain);
    writer.soa(10, 1);
    benchmark::DoNotOptimize(writer.finish({.ede = Ede::kFiltered}));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(denial);

void address(benchmark::State& state) {
  std::array<std::uint8_t, 512> buffer;
  for (auto _ : state) {
    ReplyWriter writer(buffer, kQuery, reply_limit(kQuery, false));
    writer.answer(ReplyWriter::kQnameAt, Type::kA, 60, kAddress);
    benchmark::DoNotOptimize(writer.finish({}));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(address);

}  // namespace
}  // namespace nxgate::wire
