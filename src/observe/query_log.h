// The query log: a line of JSON for each answered question that is wanted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "base/error.h"
#include "engine/observer.h"
#include "observe/choice.h"
#include "observe/hub.h"
#include "sys/descriptor.h"

namespace nxgate::observe {

struct QueryLogOptions {
  std::string path;  ///< `-` is standard output
  ChoiceOptions choice;
  bool hash_clients = false;  ///< a keyed hash, of a new key each start, for the address
};

/// Writes them on a thread of its own: a disk that is slow or full delays nobody, what the tap
/// can't hold meanwhile is dropped and counted. Destroying it writes what is left.
class QueryLog {
 public:
  /// Opens the file, or makes it, of mode 0640, for `user` if we are root. The error names the
  /// path.
  [[nodiscard]] static Result<sys::Descriptor> open_file(const std::string& path,
                                                         const std::string& user);

  QueryLog(Hub& hub, const QueryLogOptions& options, sys::Descriptor file);
  ~QueryLog();
  QueryLog(const QueryLog&) = delete;
  QueryLog& operator=(const QueryLog&) = delete;

  /// Goes on in a file of the same name that was opened anew, as after a rotation. Any thread.
  void reopen() noexcept { reopen_.store(true); }
  /// Lines that could not be written so far. Any thread.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(); }

 private:
  void run(const std::stop_token& stop);
  void append(const engine::Event& event, std::string& text);
  void write(const std::string& text, const std::stop_token& stop);

  const std::string path_;
  const bool hash_clients_;
  Choice choice_;
  sys::Descriptor file_;
  std::unique_ptr<Tap> tap_;
  std::atomic<bool> reopen_{false};
  std::atomic<std::uint64_t> lost_{0};
  bool torn_ = false;  ///< the last line was written in part
  std::jthread thread_;
};

}  // namespace nxgate::observe
