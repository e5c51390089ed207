// Any octets as a client's side of an HTTP/1 connection: the result doesn't depend on how they are
// split, and what goes on, read again, is for the same hosts and comes out as it is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/bytes.h"
#include "peek/http_requests.h"
#include "peek/requests_fixture.h"
#include "peek/upgrade_answer.h"

namespace {

using namespace nxgate;
using Step = peek::HttpRequests::Step;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_requests(std::string_view all, bool switches) {
  const peek::Passed at_once = peek::pass(all, all.size(), switches);
  for (const std::size_t size : {1U, 5U}) {
    const peek::Passed split = peek::pass(all, size, switches);
    require(split.end == at_once.end && split.hosts == at_once.hosts && split.out == at_once.out);
    require(split.refusal.reason == at_once.refusal.reason);
  }
  require((at_once.end == Step::kRefused) == !at_once.refusal.reason.empty());
  if (at_once.out.empty()) return;
  const peek::Passed again = peek::pass(at_once.out, at_once.out.size(), switches);
  require(again.end == (at_once.end == Step::kRefused ? Step::kMore : at_once.end));
  require(again.hosts == at_once.hosts && again.out == at_once.out);
}

void check_answer(Bytes bytes) {
  peek::UpgradeAnswer at_once;
  at_once.read(bytes);
  peek::UpgradeAnswer split;
  for (std::size_t i = 0; i < bytes.size(); ++i) split.read(bytes.subspan(i, 1));
  require(at_once.state() == split.state());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  check_requests(all, false);
  check_requests(all, true);
  check_answer({data, size});
  return 0;
}
