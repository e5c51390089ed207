#include "app/disk_files.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::app {
namespace {

constexpr off_t kLargestFile = 256L << 20;
constexpr std::string_view kWildcards = "*?[";

std::unexpected<Error> fail_with(int error) { return fail(std::generic_category().message(error)); }

}  // namespace

Result<std::string> DiskFiles::read(const std::string& path) {
  // Not blocking, since opening a pipe would wait for its writer.
  const sys::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return fail_with(errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail_with(errno);
  if (!S_ISREG(status.st_mode)) return fail("not a regular file");
  if (status.st_size > kLargestFile) return fail("larger than 256 MiB");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_with(errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  text.resize(filled);
  return text;
}

Result<std::vector<std::string>> DiskFiles::expand(const std::string& pattern) {
  const std::size_t wildcard = pattern.find_first_of(kWildcards);
  if (wildcard == std::string::npos) return std::vector<std::string>{pattern};
  const std::size_t slash = pattern.rfind('/', wildcard);
  const std::string folder = slash == std::string::npos ? "." : pattern.substr(0, slash + 1);
  if (::access(folder.c_str(), R_OK | X_OK) != 0) {
    return fail("folder " + folder + ": " + std::generic_category().message(errno));
  }
  glob_t matches{};
  // Unsafe only beside setenv and locale changes, which nobody makes.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const int status = ::glob(pattern.c_str(), 0, nullptr, &matches);
  std::vector<std::string> paths;
  if (status == 0) paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  ::globfree(&matches);
  if (status != 0 && status != GLOB_NOMATCH) return fail("can't be read in full");
  return paths;
}

}  // namespace nxgate::app
