#include "sys/file.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nxgate::sys {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

constexpr std::size_t kLargest = 64 * 1024;

/// A directory, `root` in it, and `outside` beside that.
class FileTest : public testing::Test {
 protected:
  FileTest() {
    fs::create_directories(root + "/etc");
    write(base + "/outside", "secret");
  }
  ~FileTest() override { fs::remove_all(base); }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  [[nodiscard]] Result<std::string> within(const std::string& path) const {
    return read_file_within(root, path, kLargest);
  }

  const std::string base = fmt::format("/tmp/nxgate-file-test-{}", ::getpid());
  const std::string root = base + "/root";
};

TEST_F(FileTest, IsReadToItsEnd) {
  for (const std::size_t size : {0UL, 1UL, 4095UL, 4096UL, 4097UL, kLargest}) {
    write(base + "/file", std::string(size, 'x'));
    EXPECT_EQ(read_file(base + "/file", kLargest), std::string(size, 'x'));
  }
  EXPECT_THAT(*read_file("/proc/self/status", kLargest), HasSubstr("Pid:")) << "tells no size";
}

TEST_F(FileTest, ComesInPiecesOfWholeLines) {
  std::string text;
  for (int i = 0; i < 300'000; ++i)
    text += std::string(static_cast<std::size_t>(i % 17), 'x') + '\n';
  text += std::string(kLongestListLine - 1, 'l') + "\nthe last has no end";
  write(base + "/file", text);
  std::string together;
  std::size_t pieces = 0;
  ASSERT_TRUE(read_lines(base + "/file", text.size(), [&](std::string_view piece) {
    ++pieces;
    together += piece;
    ASSERT_TRUE(piece.ends_with('\n') || together.size() == text.size());
  }));
  EXPECT_EQ(together, text);
  EXPECT_GT(pieces, 2U);
  const auto ignore = [](std::string_view) {};
  EXPECT_THAT(read_lines(base + "/file", text.size() - 1, ignore).error().message,
              HasSubstr("larger than"));
  EXPECT_EQ(read_lines(base, kLargest, ignore).error().message, "not a regular file");
  write(base + "/file", "");
  EXPECT_TRUE(read_lines(base + "/file", 1, [](std::string_view) { FAIL(); }));
}

TEST_F(FileTest, WithoutLineEndsIsNoList) {
  write(base + "/file", "short\n" + std::string(kLongestListLine + 1, 'l') + "\n");
  const auto read = read_lines(base + "/file", 1UL << 30,
                               [](std::string_view piece) { EXPECT_EQ(piece, "short\n"); });
  EXPECT_THAT(read.error().message, HasSubstr("a line longer than 1 MiB"));
}

TEST_F(FileTest, ThatIsTooLongIsRefused) {
  write(base + "/file", std::string(kLargest + 1, 'x'));
  EXPECT_EQ(read_file(base + "/file", kLargest).error().message, "larger than 64 KiB");
}

TEST_F(FileTest, WhatIsNoFileIsRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo((base + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_file(base + "/pipe", kLargest).error().message, "not a regular file");
  EXPECT_EQ(read_file("/dev/zero", kLargest).error().message, "not a regular file");
  EXPECT_EQ(read_file(base, kLargest).error().message, "not a regular file");
  EXPECT_EQ(read_file(base + "/none", kLargest).error().message, "No such file or directory");
}

TEST_F(FileTest, LinksStayWithinTheRoot) {
  write(root + "/etc/real", "inside");
  fs::create_symlink("/etc/real", root + "/etc/absolute");
  EXPECT_EQ(within("/etc/absolute"), "inside");
  for (const char* const target : {"../../../outside", "/../outside"}) {
    fs::remove(root + "/etc/leading-out");
    fs::create_symlink(target, root + "/etc/leading-out");
    EXPECT_FALSE(within("/etc/leading-out")) << target;
  }
  fs::create_symlink(base + "/outside", root + "/etc/elsewhere");
  EXPECT_FALSE(within("/etc/elsewhere"));
}

TEST_F(FileTest, ADeviceOrPipeWithinIsRefusedToo) {
  ASSERT_EQ(::mkfifo((root + "/etc/resolv.conf").c_str(), 0600), 0);
  EXPECT_EQ(within("/etc/resolv.conf").error().message, "not a regular file");
  EXPECT_FALSE(read_file_within(base + "/none", "/etc/resolv.conf", kLargest));
}

TEST_F(FileTest, TheNearestDirectoryExists) {
  EXPECT_EQ(nearest_directory(root), root);
  EXPECT_EQ(nearest_directory(root + "/a/b"), root);
  EXPECT_EQ(nearest_directory("a/b"), ".");
}

}  // namespace
}  // namespace nxgate::sys
