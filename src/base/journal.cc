#include "base/journal.h"

#include <charconv>
#include <string>
#include <system_error>

#include <sys/stat.h>
#include <sys/types.h>

namespace nxgate {

bool is_journal(int descriptor, const std::string& journal_stream) noexcept {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return false;
  dev_t device{};
  ino_t inode{};
  const char* const end = journal_stream.data() + journal_stream.size();
  const auto [colon, no_device] = std::from_chars(journal_stream.data(), end, device);
  if (no_device != std::errc{} || colon == end || *colon != ':') return false;
  const auto [stop, no_inode] = std::from_chars(colon + 1, end, inode);
  return no_inode == std::errc{} && stop == end && device == status.st_dev &&
         inode == status.st_ino;
}

}  // namespace nxgate
