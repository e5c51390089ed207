// Throws bytes at the parser of clients' queries and answers what it takes for one.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "wire/query.h"
#include "wire/reply.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nxgate;
  using namespace nxgate::wire;
  const Query query = parse_query({data, size});
  if (size < kHeaderSize && query.parsed != Parsed::kDrop) std::abort();
  if (query.parsed != Parsed::kQuery) return 0;
  const std::size_t limit = reply_limit(query, false);
  std::array<std::uint8_t, kLargestUdpSize> buffer;
  ReplyWriter reply(buffer, query, limit);
  reply.rcode(Rcode::kNxDomain);
  reply.soa(10, 1);
  ReplyEdns edns;
  edns.ede = Ede::kBlocked;
  edns.extra_text = "policy=default rule=default";
  edns.cookie.emplace();
  const std::size_t written = reply.finish(edns);
  if (written < kHeaderSize || written > limit) std::abort();
  return 0;
}
