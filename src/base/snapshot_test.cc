#include "base/snapshot.h"

#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace nxgate {
namespace {

TEST(SnapshotCell, ReaderSeesANewVersionAtItsNextRefreshOnly) {
  SnapshotCell<int> cell(std::make_shared<const int>(1));
  SnapshotCell<int>::Reader reader(cell);
  const int& held = *reader.refresh();
  cell.publish(std::make_shared<const int>(2));
  EXPECT_EQ(held, 1);
  EXPECT_EQ(*reader.refresh(), 2);
}

TEST(SnapshotCell, LastVersionIsSeenByAReaderOfAnotherThread) {
  SnapshotCell<int> cell(std::make_shared<const int>(0));
  std::jthread reading([&cell] {
    SnapshotCell<int>::Reader reader(cell);
    int last = 0;
    while (last != 1000) {
      const int now = *reader.refresh();
      ASSERT_GE(now, last);
      last = now;
    }
  });
  for (int i = 1; i <= 1000; ++i) cell.publish(std::make_shared<const int>(i));
}

TEST(SnapshotCell, OldVersionDiesWithItsLastReader) {
  auto first = std::make_shared<const int>(1);
  const std::weak_ptr<const int> watch = first;
  SnapshotCell<int> cell(std::move(first));
  {
    SnapshotCell<int>::Reader reader(cell);
    cell.publish(std::make_shared<const int>(2));
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace nxgate
