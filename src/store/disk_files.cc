#include "store/disk_files.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <glob.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "sys/file.h"
#include "sys/netns.h"
#include "sys/socket.h"

namespace nxgate::store {
namespace {

constexpr std::size_t kLargestFile = 256UL << 20;
constexpr std::size_t kLargestList = 1UL << 30;  // some forty million names, by pieces
/// What some editors put in front of UTF-8.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kWildcards = "*?[";

}  // namespace

Result<std::string> DiskFiles::read(const std::string& path) {
  auto text = sys::read_file(path, kLargestFile);
  if (text && text->starts_with(kByteOrderMark)) text->erase(0, kByteOrderMark.size());
  return text;
}

Result<void> DiskFiles::read_lines(const std::string& path, const TakeLines& take) {
  bool first = true;
  return sys::read_lines(path, kLargestList, [&](std::string_view lines) {
    const bool marked = std::exchange(first, false) && lines.starts_with(kByteOrderMark);
    take(lines.substr(marked ? kByteOrderMark.size() : 0));
  });
}

Result<std::vector<std::string>> DiskFiles::expand(const std::string& pattern) {
  const std::size_t wildcard = pattern.find_first_of(kWildcards);
  if (wildcard == std::string::npos) return std::vector<std::string>{pattern};
  const std::size_t slash = pattern.rfind('/', wildcard);
  const std::string folder = slash == std::string::npos ? "." : pattern.substr(0, slash + 1);
  if (::access(folder.c_str(), R_OK | X_OK) != 0) {
    return fail("directory " + folder + ": " + std::generic_category().message(errno));
  }
  glob_t matches{};
  // Unsafe only beside setenv and locale changes, which nobody makes.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const int status = ::glob(pattern.c_str(), 0, nullptr, &matches);
  std::vector<std::string> paths;
  if (status == 0) paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  ::globfree(&matches);
  if (status != 0 && status != GLOB_NOMATCH) return fail("can't be read completely");
  return paths;
}

bool DiskFiles::is_own_address(const RemoteEndpoint& server, const std::string& netns) {
  return sys::is_own_address(server, sys::NetnsRef(netns));
}

}  // namespace nxgate::store
