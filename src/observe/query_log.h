// The query log: a line of JSON for each answered question that is wanted.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "base/error.h"
#include "engine/observer.h"
#include "observe/hub.h"
#include "sys/descriptor.h"
#include "wire/name.h"

namespace nxgate::observe {

enum class LoggedQueries : std::uint8_t {
  kAll,
  kDenied,
  kFirstSeen,  ///< the first question of a client for a name, as far as memory reaches
};

struct QueryLogOptions {
  std::string path;  ///< `-` is standard output
  LoggedQueries which = LoggedQueries::kAll;
  std::uint32_t sample = 1;            ///< one in so many
  std::vector<wire::DomainName> skip;  ///< names that are left out, each with all below it
  bool hash_clients = false;           ///< a keyed hash, of a new key each start, for the address
};

/// Which events of a stream are logged, and what is written for them. One thread.
class QueryLogLines {
 public:
  explicit QueryLogLines(QueryLogOptions options);

  /// Appends the line of an event that the hub let through, if it is wanted.
  void append(const engine::Event& event, std::string& text);
  /// What can be said of an event alone, on the workers' threads.
  [[nodiscard]] static Filter filter(const QueryLogOptions& options);

 private:
  /// Then all are forgotten, and names count as new again.
  static constexpr std::size_t kMostSeen = 1U << 18;

  [[nodiscard]] std::uint64_t hash(std::string_view text) const noexcept;
  [[nodiscard]] bool first_seen(const engine::Event& event);

  QueryLogOptions options_;
  std::uint64_t count_ = 0;
  std::array<std::uint8_t, 16> key_{};
  boost::unordered_flat_set<std::uint64_t> seen_;
};

/// Writes them on a thread of its own: a disk that is slow or full delays nobody, what the tap
/// can't hold meanwhile is dropped and counted. Destroying it writes what is left.
class QueryLog {
 public:
  /// Opens the file, or makes it, of mode 0640, for `user` if we are root. The error names the
  /// path.
  [[nodiscard]] static Result<sys::Descriptor> open_file(const std::string& path,
                                                         const std::string& user);

  QueryLog(Hub& hub, QueryLogOptions options, sys::Descriptor file);
  ~QueryLog();
  QueryLog(const QueryLog&) = delete;
  QueryLog& operator=(const QueryLog&) = delete;

  /// Goes on in a file of the same name that was opened anew, as after a rotation. Any thread.
  void reopen() noexcept { reopen_.store(true); }
  /// Lines that could not be written so far. Any thread.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(); }

 private:
  void run(const std::stop_token& stop);
  void write(const std::string& text, const std::stop_token& stop);

  const std::string path_;
  QueryLogLines lines_;
  sys::Descriptor file_;
  std::unique_ptr<Tap> tap_;
  std::atomic<bool> reopen_{false};
  std::atomic<std::uint64_t> lost_{0};
  bool torn_ = false;  ///< the last line was written in part
  std::jthread thread_;
};

}  // namespace nxgate::observe
