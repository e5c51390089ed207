#include "peek/hello_reader.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "peek/client_hello.h"
#include "peek/hello_fixture.h"
#include "peek/server_name.h"

namespace nxgate::peek {
namespace {

using State = HelloReader::State;

HelloReader read_by(const Octets& all, std::size_t size) {
  HelloReader reader;
  for (std::size_t at = 0; at < all.size(); at += size) {
    reader.read(Bytes(all).subspan(at, std::min(size, all.size() - at)));
  }
  return reader;
}

/// How many octets show that it is broken; the fault is `fault`.
std::size_t broken_after(const Octets& all, std::string_view fault) {
  HelloReader reader;
  std::size_t count = 0;
  for (const std::uint8_t& octet : all) {
    ++count;
    if (reader.read({&octet, 1}) != State::kIncomplete) break;
  }
  EXPECT_EQ(reader.state(), State::kBroken);
  EXPECT_EQ(reader.fault(), fault);
  HelloReader at_once;
  EXPECT_EQ(at_once.read(all), State::kBroken);
  EXPECT_EQ(at_once.fault(), fault);
  return count;
}

/// A hello whose message is so many octets long.
Hello hello_of(std::size_t size) {
  Hello hello = tls13_hello("a.example");
  const std::size_t padding = size - hello.message().size() - 4;
  hello.extensions = hello.extensions + extension(21, Octets(padding));
  return hello;
}

TEST(HelloReader, ReadsHowEverItIsSplit) {
  const Octets message = tls13_hello("www.example.com").message();
  for (const std::size_t record_size : {1U << 14, 1000U, 7U, 1U}) {
    const Octets all = records(message, record_size);
    for (const std::size_t size : {all.size(), std::size_t{1}, std::size_t{2}, std::size_t{1400}}) {
      const HelloReader reader = read_by(all, size);
      ASSERT_EQ(reader.state(), State::kComplete) << reader.fault();
      EXPECT_EQ(reader.hello().server_name, read_server_name("www.example.com"));
      EXPECT_EQ(reader.extent(), all.size());
    }
  }
}

TEST(HelloReader, ReadsInTwoPiecesCutAnywhere) {
  const Octets all = records(tls13_hello("www.example.com").message(), 700);
  for (std::size_t cut = 0; cut < all.size(); ++cut) {
    HelloReader reader;
    ASSERT_EQ(reader.read(Bytes(all).first(cut)), State::kIncomplete);
    ASSERT_EQ(reader.read(Bytes(all).subspan(cut)), State::kComplete);
  }
}

TEST(HelloReader, LeavesWhatFollowsAlone) {
  const Octets hello = records(tls13_hello("www.example.com").message());
  for (const Octets& rest : {record(23, Octets(10)), octets("junk"), hello}) {
    HelloReader reader;
    EXPECT_EQ(reader.read(hello + rest), State::kComplete);
    EXPECT_EQ(reader.extent(), hello.size());
    EXPECT_EQ(reader.read(rest), State::kComplete);
    EXPECT_EQ(reader.extent(), hello.size());
  }
}

TEST(HelloReader, TellsWhatIsNotTls) {
  EXPECT_EQ(broken_after(octets("GET / HTTP/1.1\r\n"), "plain text, not TLS"), 1U);
  EXPECT_EQ(broken_after(octets("SSH-2.0-x\r\n"), "plain text, not TLS"), 1U);
  EXPECT_EQ(broken_after({0x80, 0x2e, 1, 0, 2}, "an SSLv2 hello, or not TLS"), 1U);
  EXPECT_EQ(broken_after({0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f}, "not TLS"), 1U);  // PostgreSQL
  EXPECT_EQ(broken_after({22, 2, 0}, "not TLS"), 2U);
  EXPECT_EQ(broken_after({22, 3, 5, 0, 1, 1}, "an unknown TLS version in a record"), 3U);
  EXPECT_EQ(broken_after(record(24, {1}), "not TLS"), 1U);
}

TEST(HelloReader, NothingComesBeforeTheHello) {
  const std::string_view fault = "a TLS record that isn't of a handshake";
  const Octets hello = records(tls13_hello("a.example").message());
  for (const std::uint8_t type : Octets{20, 21, 23}) {
    EXPECT_EQ(broken_after(record(type, {1, 0}) + hello, fault), 1U);
  }
  const Octets half(hello.begin(), hello.begin() + 100);
  const Octets cut = record(22, Octets(half.begin() + 5, half.end()));
  EXPECT_EQ(broken_after(cut + record(20, {1}) + hello, fault), cut.size() + 1);
  EXPECT_EQ(broken_after(cut + record(23, {1}) + hello, fault), cut.size() + 1);
}

TEST(HelloReader, RecordsHaveLimits) {
  const Octets message = hello_of(40'000).message();
  EXPECT_EQ(read_by(records(message, 1U << 14), 4096).state(), State::kComplete);
  EXPECT_EQ(broken_after(records(message, (1U << 14) + 1), "a TLS record too long"), 5U);
  EXPECT_EQ(broken_after(record(22, {}) + records(message), "an empty TLS record"), 5U);
}

TEST(HelloReader, OtherMessagesAreBrokenAtTheirFirstOctet) {
  for (const std::uint8_t type : Octets{0, 2, 16, 20}) {
    EXPECT_EQ(broken_after(record(22, {type, 0, 0, 0}), "a handshake message that isn't a hello"),
              6U);
  }
}

TEST(HelloReader, TheHelloEndsItsRecord) {
  const std::string_view fault = "a record that goes on behind the hello";
  const Octets message = tls13_hello("a.example").message();
  const Octets other = tls13_hello("b.example").message();
  EXPECT_EQ(broken_after(record(22, message + Octets{0}), fault), 5 + message.size());
  EXPECT_EQ(broken_after(record(22, message + other), fault), 5 + message.size());
}

TEST(HelloReader, SizeLimitIsExact) {
  const Octets longest = hello_of(HelloMessage::kLongest).message();
  ASSERT_EQ(longest.size(), HelloMessage::kLongest);
  EXPECT_EQ(read_by(records(longest), 1000).state(), State::kComplete);
  const Octets longer = hello_of(HelloMessage::kLongest + 1).message();
  EXPECT_EQ(broken_after(records(longer), "a hello of more than 64 KiB"), 9U);
}

TEST(HelloReader, TooManyRecordsAreBroken) {
  const Octets all = records(hello_of(40'000).message(), 1);
  EXPECT_EQ(broken_after(all, "a hello in too many records"), HelloReader::kMostOctets + 1);
}

TEST(HelloReader, CostIsLinear) {
  const Octets all = records(hello_of(HelloMessage::kLongest).message());
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(read_by(all, 1).state(), State::kComplete);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace nxgate::peek
