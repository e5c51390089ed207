#include "base/keyed_hash.h"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace nxgate {
namespace {

TEST(KeyedHashTest, IsOfTheBytesAndTheKey) {
  const std::array<std::uint8_t, 3> one{1, 2, 3};
  const std::array<std::uint8_t, 3> other{1, 2, 4};
  const KeyedHash hash;
  EXPECT_EQ(hash(one), hash(one));
  EXPECT_NE(hash(one), hash(other));
  EXPECT_NE(hash(one), hash(Bytes(one).first(2)));
  EXPECT_NE(hash(one), KeyedHash()(one)) << "with a chance of 2 to the power of -64";
  EXPECT_EQ(process_hash()(one), process_hash()(one));
}

}  // namespace
}  // namespace nxgate
