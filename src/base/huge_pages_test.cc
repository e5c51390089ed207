#include "base/huge_pages.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace nxgate {
namespace {

using Table = std::vector<std::uint8_t, HugePages<std::uint8_t>>;
constexpr std::size_t kHugePage = std::size_t{1} << 21;

/// The flags of the mapping that holds `address`, as /proc/self/smaps has them.
std::string flags_of(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    char dash = 0;
    if (std::istringstream(line) >> std::hex >> from >> dash >> to && dash == '-') {
      inside = from <= at && at < to;
    }
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(HugePages, AreAskedForWhereALongTableLies) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) {
    GTEST_SKIP() << "this kernel has no transparent huge pages";
  }
  Table table(8 * kHugePage, 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(table.data()) % kHugePage, 0);
  EXPECT_NE(flags_of(table.data()).find(" hg "), std::string::npos) << flags_of(table.data());
  EXPECT_TRUE(std::ranges::all_of(table, [](std::uint8_t byte) { return byte == 1; }));
}

TEST(HugePages, AShortTableLiesWhereEverythingElseDoes) {
  const Table table(4096, 1);
  EXPECT_EQ(flags_of(table.data()).find(" hg "), std::string::npos);
}

TEST(HugePages, ATableKeepsItsContentWhenItOutgrowsSmallPages) {
  Table table;
  for (std::size_t i = 0; i < 3 * kHugePage; ++i) table.push_back(static_cast<std::uint8_t>(i));
  for (std::size_t i = 0; i < table.size(); ++i) ASSERT_EQ(table[i], static_cast<std::uint8_t>(i));
}

}  // namespace
}  // namespace nxgate
