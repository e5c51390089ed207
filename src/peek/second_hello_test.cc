#include "peek/second_hello.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "peek/client_hello.h"
#include "peek/hello_fixture.h"

namespace nxgate::peek {
namespace {

using State = SecondHello::State;

constexpr std::array<std::uint8_t, 32> kRetryRandom{
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

const Octets kChange = record(20, {1}, 3);
const Octets kEarly = record(23, Octets(2000, 1), 3);

Octets server_hello(const Octets& random) {
  return record(22, Octets{2} + counted<3>(Octets{3, 3} + random + Octets(40)), 3);
}
Octets retry() { return server_hello({kRetryRandom.begin(), kRetryRandom.end()}); }
Octets accepted() { return server_hello(Octets(32, 4)); }

ClientHello first_of(const Octets& more = {}) {
  Hello hello = tls13_hello("a.example");
  hello.extensions = hello.extensions + more;
  return parse_client_hello(hello.body()).value();
}

/// The state after the octets, one by one.
State read_by_one(SecondHello& second, const Octets& all) {
  for (const std::uint8_t& octet : all) second.read({&octet, 1});
  return second.state();
}

/// The state after the client's octets, the same at once and one by one.
State after(const Octets& client, const ClientHello& first = first_of()) {
  SecondHello at_once(first);
  SecondHello by_one(first);
  EXPECT_EQ(at_once.read(client), read_by_one(by_one, client));
  EXPECT_EQ(at_once.fault(), by_one.fault());
  EXPECT_EQ(at_once.fault().empty(), at_once.state() != State::kBroken);
  return at_once.state();
}

Octets second(std::string_view name, const Octets& more = {}, std::size_t record_size = 1U << 14) {
  Hello hello = tls13_hello(name);
  hello.extensions = hello.extensions + more;
  return records(hello.message(), record_size);
}

TEST(SecondHello, ThereIsNoneBeforeTls13) {
  Hello older;
  older.extensions = server_name_extension("a.example");
  EXPECT_EQ(after(second("b.example"), parse_client_hello(older.body()).value()), State::kNone);
}

TEST(SecondHello, TheSameNamePasses) {
  EXPECT_EQ(after(second("a.example")), State::kSame);
  EXPECT_EQ(after(kChange + second("a.example")), State::kSame);
  EXPECT_EQ(after(kChange + second("a.example", {}, 100)), State::kSame);
  EXPECT_EQ(after(second("a.example", extension(44, {1, 2}))), State::kSame);  // a cookie
}

TEST(SecondHello, AnotherNameIsBroken) {
  EXPECT_EQ(after(second("b.example")), State::kBroken);
  EXPECT_EQ(after(second("A.example")), State::kBroken);
  EXPECT_EQ(after(kChange + second("b.example", {}, 1)), State::kBroken);
  Hello without;
  without.extensions = versions_extension({3, 4});
  EXPECT_EQ(after(records(without.message())), State::kBroken);
}

TEST(SecondHello, EncryptionStaysAsItIs) {
  const Octets encrypted = extension(0xfe0d, {0, 1});
  EXPECT_EQ(after(second("a.example", encrypted)), State::kBroken);
  EXPECT_EQ(after(second("a.example"), first_of(encrypted)), State::kBroken);
  EXPECT_EQ(after(second("a.example", encrypted), first_of(encrypted)), State::kSame);
}

TEST(SecondHello, VersionStaysAsItIs) {
  Hello older;
  older.extensions = server_name_extension("a.example");
  EXPECT_EQ(after(records(older.message())), State::kBroken);
}

TEST(SecondHello, EarlyDataHidesNothing) {
  const ClientHello early = first_of(extension(42, {}));
  Octets much;
  for (int i = 0; i < 100; ++i) much = much + kEarly;
  EXPECT_EQ(after(much, early), State::kIncomplete);
  EXPECT_EQ(after(much + kChange + second("a.example"), early), State::kSame);
  EXPECT_EQ(after(much + kChange + second("b.example"), early), State::kBroken);
  EXPECT_EQ(after(kEarly + second("a.example")), State::kBroken);  // not announced
}

TEST(SecondHello, NothingBetweenFragmentsHidesOne) {
  const Octets message = tls13_hello("b.example").message();
  const auto half = message.begin() + 60;
  for (const Octets& between : {kChange, kEarly, record(21, {1, 90})}) {
    const Octets client = record(22, Octets(message.begin(), half)) + between +
                          record(22, Octets(half, message.end()));
    EXPECT_EQ(after(client, first_of(extension(42, {}))), State::kBroken);
  }
}

TEST(SecondHello, AlertsEndNothing) {
  EXPECT_EQ(after(record(21, {1, 90}) + second("a.example")), State::kSame);
  EXPECT_EQ(after(record(21, {1, 90}) + second("b.example")), State::kBroken);
}

TEST(SecondHello, WhatCannotBeUnderstoodIsBroken) {
  EXPECT_EQ(after(record(22, {16, 0, 0, 1, 0})), State::kBroken);
  EXPECT_EQ(after(record(22, {1, 0, 0, 1, 0})), State::kBroken);
  EXPECT_EQ(after(record(22, {1, 2, 0, 0, 0})), State::kBroken);
  EXPECT_EQ(after(octets("GET /")), State::kBroken);
  EXPECT_EQ(after(record(24, {1})), State::kBroken);
}

TEST(SecondHello, TheAnswerSaysThatThereIsNone) {
  const Octets answer = accepted();
  for (std::size_t cut = 0; cut <= answer.size(); ++cut) {
    SecondHello watch(first_of());
    watch.read_answer(Bytes(answer).first(cut));
    EXPECT_EQ(watch.read_answer(Bytes(answer).subspan(cut)), State::kNone);
    EXPECT_EQ(watch.read(record(22, {1, 2, 0, 0, 0})), State::kNone);
  }
  SecondHello refused(first_of());
  EXPECT_EQ(refused.read_answer(octets("HTTP/1.1 400 Bad Request\r\n")), State::kNone);
}

TEST(SecondHello, TheAnswerAsksForOne) {
  for (const std::string_view name : {"a.example", "b.example"}) {
    SecondHello watch(first_of());
    EXPECT_EQ(watch.read_answer(retry()), State::kIncomplete);
    EXPECT_EQ(watch.read_answer(kChange), State::kIncomplete);
    EXPECT_EQ(watch.read_answer(accepted()), State::kIncomplete);
    EXPECT_EQ(watch.read(second(name)), name == "a.example" ? State::kSame : State::kBroken);
  }
}

TEST(SecondHello, TheAnswerMayComeInPieces) {
  const Octets whole = retry();
  const Octets message(whole.begin() + 5, whole.end());
  SecondHello watch(first_of());
  for (const std::uint8_t& octet : record(21, {1, 112}) + records(message, 1)) {
    EXPECT_EQ(watch.read_answer({&octet, 1}), State::kIncomplete);
  }
  EXPECT_EQ(watch.read_answer(accepted()), State::kIncomplete);
  SecondHello other(first_of());
  EXPECT_EQ(other.read_answer(record(22, {11, 0, 0, 0})), State::kBroken);
}

}  // namespace
}  // namespace nxgate::peek
