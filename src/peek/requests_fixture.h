// Connections of HTTP/1 for tests: all requests are allowed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "peek/http_refusal.h"
#include "peek/http_requests.h"

namespace nxgate::peek {

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// What came of a connection.
struct Passed {
  HttpRequests::Step end = HttpRequests::Step::kRefused;
  std::vector<std::string> hosts;  ///< as said, of each request
  std::string out;
  Refusal refusal;
};

/// Gives `all` in pieces of `size` octets. `switches`: the server grants upgrades.
inline Passed pass(std::string_view all, std::size_t size, bool switches = false) {
  using Step = HttpRequests::Step;
  HttpRequests requests;
  Passed passed{.end = Step::kMore};
  for (std::size_t at = 0; at < all.size() && passed.end == Step::kMore; at += size) {
    Bytes piece = bytes_of(all.substr(at, size));
    for (bool on = true; on;) {
      passed.end = requests.take(piece, passed.out);
      on = passed.end == Step::kJudge || passed.end == Step::kAnswer;
      if (passed.end == Step::kAnswer) requests.answered(switches);
      if (passed.end != Step::kJudge) continue;
      passed.hosts.push_back(requests.request().authority.host.text);
      requests.allow(passed.out);
    }
    if (passed.end == Step::kSwitched) {
      const std::size_t taken = std::min(at + size, all.size()) - piece.size();
      passed.out += all.substr(taken);
    }
  }
  passed.refusal = requests.refusal();
  return passed;
}

}  // namespace nxgate::peek
