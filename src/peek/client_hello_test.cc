#include "peek/client_hello.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "peek/hello_fixture.h"
#include "peek/server_name.h"

namespace nxgate::peek {
namespace {

using Kind = ServerName::Kind;

Hello with(const Octets& extensions) {
  Hello hello;
  hello.extensions = extensions;
  return hello;
}

Kind kind_of(const Hello& hello) {
  const auto read = parse_client_hello(hello.body());
  EXPECT_TRUE(read) << (read ? "" : read.error());
  return read ? read->server_name.kind : Kind::kUnusable;
}

std::string_view fault_of(const Octets& body) {
  const auto read = parse_client_hello(body);
  return read ? "none" : read.error();
}

TEST(ClientHello, OfTls13) {
  const auto read = parse_client_hello(tls13_hello("WWW.example.com").body());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->server_name, read_server_name("WWW.example.com"));
  EXPECT_TRUE(read->offers_tls13);
  EXPECT_FALSE(read->encrypted_hello);
  EXPECT_FALSE(read->early_data);
}

TEST(ClientHello, OfOlderVersions) {
  for (std::uint8_t minor = 0; minor <= 4; ++minor) {
    Hello hello = with(server_name_extension("a.example"));
    hello.minor = minor;
    hello.session.clear();
    const auto read = parse_client_hello(hello.body());
    ASSERT_TRUE(read) << int{minor};
    EXPECT_EQ(read->server_name.kind, Kind::kName);
    EXPECT_FALSE(read->offers_tls13);
  }
  Hello newer;
  newer.minor = 5;
  EXPECT_EQ(fault_of(newer.body()), "an unknown TLS version");
}

TEST(ClientHello, WithoutName) {
  Hello plain;
  plain.has_extensions = false;
  EXPECT_EQ(kind_of(plain), Kind::kAbsent);
  EXPECT_EQ(kind_of(with({})), Kind::kAbsent);
  EXPECT_EQ(kind_of(with(extension(23, {}))), Kind::kAbsent);
}

TEST(ClientHello, NamesThatAreNone) {
  EXPECT_EQ(kind_of(with(server_name_extension("192.0.2.1"))), Kind::kAddress);
  for (const std::string_view text : {std::string_view("a\0b", 3), std::string_view("\xff"),
                                      std::string_view("a b"), std::string_view("..")}) {
    EXPECT_EQ(kind_of(with(server_name_extension(text))), Kind::kUnusable);
  }
  EXPECT_EQ(kind_of(with(server_name_extension(std::string(1000, 'a')))), Kind::kUnusable);
}

TEST(ClientHello, ListsOfNamesAreStrict) {
  const Octets a = name_entry(octets("a.example"));
  const Octets b = name_entry(octets("b.example"));
  for (const Octets& data :
       {Octets{}, Octets{0}, counted<2>({}), counted<2>({0}), counted<2>({0, 0}),
        counted<2>(name_entry({})), counted<2>(a + b), counted<2>(a + a), counted<2>(a) + Octets{0},
        counted<2>(a + Octets{0}), counted<2>(name_entry(octets("a.example"), 1)),
        counted<2>(name_entry(octets("x"), 1) + a), counted<2>(Octets{0, 0, 20} + octets("short")),
        Octets{0, 3} + a, Octets{0xff, 0xff} + a}) {
    EXPECT_NE(fault_of(with(extension(0, data)).body()), "none");
  }
}

TEST(ClientHello, NoExtensionStandsTwice) {
  const Octets name = server_name_extension("a.example");
  for (const Octets& twice : {name, extension(0xfe0d, {0}), extension(0x1a1a, {}),
                              versions_extension({3, 4}), extension(65000, {})}) {
    EXPECT_EQ(fault_of(with(twice + extension(10, {0, 2, 0, 29}) + twice).body()),
              "an extension that stands twice");
  }
}

TEST(ClientHello, SaysWhatIsEncrypted) {
  for (const auto type : std::initializer_list<std::uint16_t>{0xfe0d, 0xfe08, 0xffce}) {
    const auto read = parse_client_hello(
        with(extension(type, {0, 1}) + server_name_extension("a.example")).body());
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->encrypted_hello) << type;
    EXPECT_EQ(read->server_name.kind, Kind::kName);
  }
}

TEST(ClientHello, EarlyDataAndKeys) {
  const auto read = parse_client_hello(with(extension(42, {}) + extension(41, {1, 2})).body());
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->early_data);
  EXPECT_NE(fault_of(with(extension(42, {0})).body()), "none");
  EXPECT_NE(fault_of(with(extension(41, {1}) + extension(42, {})).body()), "none");
}

TEST(ClientHello, OffersTls13) {
  for (const Octets& versions : {Octets{3, 4}, Octets{3, 3, 3, 4}, Octets{0x7f, 28, 3, 3}}) {
    EXPECT_TRUE(parse_client_hello(with(versions_extension(versions)).body())->offers_tls13);
  }
  EXPECT_FALSE(
      parse_client_hello(with(versions_extension({3, 3, 0x3a, 0x3a})).body())->offers_tls13);
}

TEST(ClientHello, ListsOfVersionsAreStrict) {
  for (const Octets& data : {Octets{}, Octets{0}, Octets{1, 3}, Octets{3, 3, 4, 3},
                             Octets{2, 3, 4, 0}, Octets{4, 3, 4}}) {
    EXPECT_NE(fault_of(with(extension(43, data)).body()), "none");
  }
}

TEST(ClientHello, FieldsAreStrict) {
  Hello hello = tls13_hello("a.example");
  hello.session = Octets(33, 1);
  EXPECT_NE(fault_of(hello.body()), "none");
  hello = tls13_hello("a.example");
  hello.suites = {1, 2, 3};
  EXPECT_NE(fault_of(hello.body()), "none");
  hello.suites.clear();
  EXPECT_NE(fault_of(hello.body()), "none");
  hello = tls13_hello("a.example");
  hello.compression = {1};
  EXPECT_NE(fault_of(hello.body()), "none");
  hello.compression.clear();
  EXPECT_NE(fault_of(hello.body()), "none");
  hello.compression = {1, 0};
  EXPECT_EQ(fault_of(hello.body()), "none");
}

TEST(ClientHello, IsWholeAndNothingElse) {
  const Octets body = tls13_hello("a.example").body();
  EXPECT_NE(fault_of(body + Octets{0}), "none");
  Hello plain;
  plain.has_extensions = false;
  const std::size_t plain_size = plain.body().size();
  for (std::size_t size = 0; size < body.size(); ++size) {
    if (size == plain_size) continue;  // that is a whole one
    EXPECT_NE(fault_of({body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size)}), "none");
  }
}

}  // namespace
}  // namespace nxgate::peek
