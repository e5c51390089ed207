#include "wire/rdata.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace nxgate::wire {
namespace {

using Octets = std::vector<std::uint8_t>;

/// Copies `rdata` as it stands behind the name `aB.c` at offset 0.
std::optional<Octets> copy(Type type, const Octets& rdata, std::size_t question_end = 0) {
  Octets message{2, 'a', 'B', 1, 'c', 0};
  const std::size_t offset = message.size();
  message.insert(message.end(), rdata.begin(), rdata.end());
  std::array<std::uint8_t, 512> buffer;
  Writer out(buffer);
  if (!copy_rdata(type, {message, offset, rdata.size(), question_end}, out)) return std::nullopt;
  return Octets(out.written().begin(), out.written().end());
}

TEST(Rdata, NamesAreDecompressedTheirCaseKept) {
  EXPECT_EQ(copy(Type::kCname, {0xc0, 0}), (Octets{2, 'a', 'B', 1, 'c', 0}));
  EXPECT_EQ(copy(Type::kMx, {0, 9, 1, 'X', 0xc0, 3}), (Octets{0, 9, 1, 'X', 1, 'c', 0}));
  EXPECT_EQ(copy(Type::kCname, {1, 'X', 0xc0, 0}, 6), (Octets{1, 'X', 2, 'a', 'b', 1, 'c', 0}));
}

TEST(Rdata, OpaqueTypesStayByteForByte) {
  const Octets odd{0xc0, 0, 0xff};
  EXPECT_EQ(copy(Type{65280}, odd), odd);
  EXPECT_EQ(copy(Type::kHttps, odd), odd);
  EXPECT_EQ(copy(Type::kSvcb, odd), odd);
  EXPECT_EQ(copy(Type::kTxt, {}), Octets{});
}

TEST(Rdata, LengthsAreExact) {
  EXPECT_TRUE(copy(Type::kA, Octets(4)));
  EXPECT_FALSE(copy(Type::kA, Octets(3)));
  EXPECT_FALSE(copy(Type::kA, Octets(5)));
  EXPECT_TRUE(copy(Type::kAaaa, Octets(16)));
  EXPECT_FALSE(copy(Type::kAaaa, Octets(15)));
  EXPECT_FALSE(copy(Type::kAaaa, Octets{}));
  EXPECT_FALSE(copy(Type::kCname, {0xc0, 0, 0}));
  EXPECT_FALSE(copy(Type::kSoa, {0, 0, 1, 2, 3}));
  EXPECT_TRUE(copy(Type::kSrv, {0, 1, 0, 2, 0, 3, 0xc0, 3}));
}

TEST(Rdata, NaptrStringsAndNameAreRead) {
  const auto naptr = Type{35};
  EXPECT_EQ(copy(naptr, {0, 1, 0, 2, 1, 'S', 0, 2, 'x', 'y', 0xc0, 3}),
            (Octets{0, 1, 0, 2, 1, 'S', 0, 2, 'x', 'y', 1, 'c', 0}));
  EXPECT_FALSE(copy(naptr, {0, 1, 0, 2, 9, 'S', 0, 0, 0}));
}

TEST(Rdata, ForwardPointersAndLoopsAreRefused) {
  EXPECT_FALSE(copy(Type::kCname, {0xc0, 6}));
  EXPECT_FALSE(copy(Type::kCname, {0xc0, 8, 0}));
  EXPECT_FALSE(copy(Type::kCname, {0xc0}));
  EXPECT_FALSE(copy(Type::kCname, {0x80, 0}));
}

TEST(Rdata, EveryCompressibleTypeHasALayout) {
  for (const int type :
       {2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 17, 18, 21, 24, 26, 30, 33, 35, 36, 39}) {
    EXPECT_NE(rdata_layout(Type{static_cast<std::uint16_t>(type)}).find('n'),
              std::string_view::npos)
        << type;
  }
  for (const int type : {16, 46, 47, 64, 65, 65280}) {
    EXPECT_TRUE(rdata_layout(Type{static_cast<std::uint16_t>(type)}).empty()) << type;
  }
}

}  // namespace
}  // namespace nxgate::wire
