// Whether what we write goes to systemd's journal.
#pragma once

#include <string>

namespace nxgate {

/// Whether the descriptor is the stream that JOURNAL_STREAM names (`device:inode`,
/// systemd.exec(5)). It says more than the variable's presence: a child's output may have been
/// redirected since.
[[nodiscard]] bool is_journal(int descriptor, const std::string& journal_stream) noexcept;

}  // namespace nxgate
