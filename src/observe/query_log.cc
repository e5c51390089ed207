#include "observe/query_log.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/observer.h"
#include "observe/beat.h"
#include "observe/choice.h"
#include "observe/event_json.h"
#include "observe/hub.h"
#include "sys/descriptor.h"
#include "sys/privileges.h"

namespace nxgate::observe {
namespace {

/// Lines that are written together.
constexpr std::size_t kLinesAtOnce = 256;

std::string words() { return std::generic_category().message(errno); }

sys::Descriptor open_for_appending(const std::string& path) {
  constexpr mode_t kMode = 0640;
  return sys::Descriptor(
      path == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                  : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kMode));
}

}  // namespace

Result<sys::Descriptor> QueryLog::open_file(const std::string& path, const std::string& user) {
  sys::Descriptor file = open_for_appending(path);
  if (!file) return fail(fmt::format("query-log.path: {}: {}", path, words()));
  if (::geteuid() != 0 || path == "-") return file;
  const auto identity = sys::find_user(user);
  if (!identity || ::fchown(file.get(), identity->user, static_cast<gid_t>(-1)) != 0) {
    return fail(fmt::format("query-log.path: cannot change the owner of {} to {}: {}", path, user,
                            words()));
  }
  return file;
}

QueryLog::QueryLog(Hub& hub, const QueryLogOptions& options, sys::Descriptor file)
    : path_(options.path),
      hash_clients_(options.hash_clients),
      choice_(options.choice),
      file_(std::move(file)),
      tap_(hub.open(Choice::filter(options.choice), kMostUnwritten)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

QueryLog::~QueryLog() {
  thread_.request_stop();
  thread_.join();
}

void QueryLog::run(const std::stop_token& stop) {
  for (bool last = false; !last;) {
    last = stop.stop_requested();
    if (reopen_.exchange(false)) {
      if (sys::Descriptor fresh = open_for_appending(path_)) {
        file_ = std::move(fresh);
      } else {
        log::repeated(
            "query log",
            fmt::format("query-log.path: {}: {}; still writing to the old file", path_, words()));
      }
    }
    std::string text;
    const std::vector<engine::Event> events = tap_->take(last ? SIZE_MAX : kLinesAtOnce);
    for (const engine::Event& event : events) append(event, text);
    if (const auto dropped = tap_->take_dropped(); dropped != 0) {
      text += fmt::format("{{\"dropped\":{}}}\n", dropped);
    }
    if (!text.empty()) write(text, stop);
    if (last || events.size() == kLinesAtOnce) continue;
    std::this_thread::sleep_for(events.empty() ? kBeat : kShortBeat);
  }
}

void QueryLog::append(const engine::Event& event, std::string& text) {
  if (!choice_.takes(event)) return;
  std::string client;
  if (hash_clients_) {
    client = fmt::format("{:016x}", choice_.hash(event.client.address.to_string()));
  }
  text += to_json(event, client);
  text += '\n';
}

/// In pieces that a pipe takes at once, so that a reader who stalls can't keep us from stopping.
void QueryLog::write(const std::string& text, const std::stop_token& stop) {
  const std::string whole = (torn_ ? "\n" : "") + text;
  std::size_t done = 0;
  while (done < whole.size()) {
    pollfd ready{.fd = file_.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, static_cast<int>(kBeat.count())) == 0) {
      if (stop.stop_requested()) break;
      continue;
    }
    const std::size_t piece = std::min<std::size_t>(whole.size() - done, PIPE_BUF);
    const ssize_t count = ::write(file_.get(), whole.data() + done, piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      log::repeated("query log", fmt::format("{}: {}; query log lines are lost", path_, words()));
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  lost_ += static_cast<std::uint64_t>(
      std::count(whole.begin() + static_cast<std::ptrdiff_t>(done), whole.end(), '\n'));
  if (done != 0) torn_ = whole[done - 1] != '\n';
}

}  // namespace nxgate::observe
