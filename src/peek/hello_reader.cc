#include "peek/hello_reader.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "base/bytes.h"
#include "peek/client_hello.h"
#include "peek/tls_records.h"

namespace nxgate::peek {

HelloReader::State HelloReader::broken(std::string_view fault) {
  fault_ = fault;
  return state_ = State::kBroken;
}

HelloReader::State HelloReader::read(Bytes bytes) {
  while (state_ == State::kIncomplete && !bytes.empty()) {
    Bytes rest = bytes.first(std::min(bytes.size(), kMostOctets - extent_));
    if (rest.empty()) return broken("a hello in too many records");
    const std::size_t before = rest.size();
    const auto part = records_.next(rest);
    const std::size_t taken = before - rest.size();
    extent_ += taken;
    bytes = bytes.subspan(taken);
    if (!records_.fault().empty()) return broken(records_.fault());
    if (!part) continue;
    state_ = message_.take(part->bytes, part->left);
    if (state_ == State::kBroken) fault_ = message_.fault();
  }
  return state_;
}

}  // namespace nxgate::peek
