#include "store/disk_files.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <glob.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/file.h"

namespace nxgate::store {
namespace {

constexpr std::size_t kLargestFile = 256UL << 20;
constexpr std::size_t kLargestList = 1UL << 30;  // some forty million names, by pieces
constexpr std::string_view kWildcards = "*?[";

}  // namespace

Result<std::string> DiskFiles::read(const std::string& path) {
  return sys::read_file(path, kLargestFile);
}

Result<void> DiskFiles::read_lines(const std::string& path, const TakeLines& take) {
  return sys::read_lines(path, kLargestList, take);
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

}  // namespace nxgate::store
