// What every step of reading a configuration has at hand.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/error.h"

namespace nxgate::config {

/// The files that a configuration names, and what else it has to know of the host. Tests and
/// fuzzing answer from memory.
class FileReader {
 public:
  using TakeLines = std::function<void(std::string_view)>;

  virtual ~FileReader() = default;

  /// The whole text of a file; the error says why not, without the path.
  [[nodiscard]] virtual Result<std::string> read(const std::string& path) = 0;

  /// The same text in pieces of whole lines, one after the other.
  [[nodiscard]] virtual Result<void> read_lines(const std::string& path, const TakeLines& take) {
    const auto text = read(path);
    if (!text) return std::unexpected(text.error());
    take(*text);
    return {};
  }

  /// The files a pattern such as `/etc/nxgate/allow.d/*.list` stands for, sorted. A pattern without
  /// wildcard is a file that must exist; one with a wildcard may match nothing, but its folder must
  /// exist.
  [[nodiscard]] virtual Result<std::vector<std::string>> expand(const std::string& pattern) = 0;

  /// Whether an interface in that network namespace has the server's address now; false if that
  /// can't be found out.
  [[nodiscard]] virtual bool is_own_address(const RemoteEndpoint& server,
                                            const std::string& netns) = 0;
};

/// A text the operator wrote, and where.
struct Text {
  std::string value;
  Location at;
};

/// How many faults of all files together are told.
inline constexpr std::size_t kMostFaultsInAll = 1000;

/// Collects what one reading finds out.
struct Context {
  FileReader& files;
  std::string directory;  ///< what relative paths are relative to; empty for ours
  Faults faults{};        ///< any refuses the configuration
  Faults warnings{};
  std::vector<std::string> watched{};  ///< files and folders whose change calls for a reload

  std::map<std::string, std::size_t> found{};  ///< how many faults by file, also those not told

  /// Beyond kMostFaults of one file, and kMostFaultsInAll, no more are kept; the last says so.
  void fault(const Location& at, std::string text);
  void add(Faults more);
  /// Whether it isn't worth while to read more of the file.
  [[nodiscard]] bool stopped(const std::string& file) const;
  void warn(const Location& at, std::string text) { warnings.push_back({at, std::move(text)}); }

  /// A path as written, made relative to `directory`.
  [[nodiscard]] std::string resolve(const std::string& path) const;
};

/// The text in quotes for a fault, shortened and with control characters escaped.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// ` (did you mean "x"?)` for the closest of `known`, or nothing if none is close.
[[nodiscard]] std::string suggestion(std::string_view text,
                                     const std::vector<std::string_view>& known);

}  // namespace nxgate::config
