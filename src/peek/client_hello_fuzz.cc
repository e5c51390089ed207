// Any octets as the beginning of a TLS connection: the result doesn't depend on how they are split,
// a hello that is read comes back the same over other records, and as a second one it never says
// anything else.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/bytes.h"
#include "peek/client_hello.h"
#include "peek/hello_reader.h"
#include "peek/second_hello.h"
#include "peek/server_name.h"

namespace {

using namespace nxgate;
using peek::HelloReader;
using peek::SecondHello;
using peek::ServerName;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Target>
void by_pieces(Bytes bytes, Target&& take) {
  for (std::size_t size = 1; !bytes.empty(); size = size % 7 + 1) {
    const Bytes piece = bytes.first(std::min(size, bytes.size()));
    take(piece);
    bytes = bytes.subspan(piece.size());
  }
}

/// The contents of the records, as one record for each three octets.
std::vector<std::uint8_t> in_small_records(Bytes records) {
  std::vector<std::uint8_t> message;
  while (records.size() > 5) {
    const auto length = static_cast<std::size_t>(records[3] << 8 | records[4]);
    const Bytes content = records.subspan(5, length);
    message.insert(message.end(), content.begin(), content.end());
    records = records.subspan(5 + length);
  }
  std::vector<std::uint8_t> small;
  for (Bytes left = message; !left.empty();) {
    const Bytes content = left.first(std::min<std::size_t>(left.size(), 3));
    small.insert(small.end(), {22, 3, 1, 0, static_cast<std::uint8_t>(content.size())});
    small.insert(small.end(), content.begin(), content.end());
    left = left.subspan(content.size());
  }
  return small;
}

void check_second(const peek::ClientHello& first, Bytes rest) {
  SecondHello at_once(first);
  at_once.read(rest);
  SecondHello split(first);
  by_pieces(rest, [&](Bytes piece) { split.read(piece); });
  require(at_once.state() == split.state() && at_once.fault() == split.fault());
  require(at_once.state() != SecondHello::State::kNone || !first.offers_tls13);
  SecondHello answered(first);
  answered.read_answer(rest);
  SecondHello answered_split(first);
  by_pieces(rest, [&](Bytes piece) { answered_split.read_answer(piece); });
  require(answered.state() == answered_split.state());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(data, size);
  HelloReader at_once;
  at_once.read(bytes);
  HelloReader split;
  by_pieces(bytes, [&](Bytes piece) { split.read(piece); });
  require(at_once.state() == split.state() && at_once.fault() == split.fault());
  require(at_once.fault().empty() == (at_once.state() != HelloReader::State::kBroken));
  if (at_once.state() != HelloReader::State::kComplete) return 0;

  const peek::ClientHello& hello = at_once.hello();
  require(hello == split.hello());
  require(at_once.extent() == split.extent() && at_once.extent() <= size);
  const ServerName& name = hello.server_name;
  require(name.address.has_value() == (name.kind == ServerName::Kind::kAddress));
  require(name.name.is_root() == (name.kind != ServerName::Kind::kName));
  if (name.kind == ServerName::Kind::kName) {
    require(peek::read_server_name(name.name.to_text()).name == name.name);
  }
  const auto small = in_small_records(bytes.first(at_once.extent()));
  HelloReader again;
  if (small.size() <= HelloReader::kMostOctets) {
    require(again.read(small) == HelloReader::State::kComplete && again.hello() == hello);
  }
  SecondHello same(hello);
  same.read(small);
  require(same.state() == (hello.offers_tls13 ? SecondHello::State::kSame  //
                                              : SecondHello::State::kNone));
  check_second(hello, bytes.subspan(at_once.extent()));
  return 0;
}
