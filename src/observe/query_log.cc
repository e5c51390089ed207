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
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sodium.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/observer.h"
#include "observe/event_json.h"
#include "observe/filter.h"
#include "observe/hub.h"
#include "sys/descriptor.h"
#include "sys/privileges.h"

namespace nxgate::observe {
namespace {

constexpr Milliseconds kBeat{50};
/// A second of a busy server.
constexpr std::size_t kMostWaiting = 32768;

static_assert(crypto_shorthash_BYTES == sizeof(std::uint64_t));
static_assert(crypto_shorthash_KEYBYTES == 16);

std::string words() { return std::generic_category().message(errno); }

sys::Descriptor open_for_appending(const std::string& path) {
  constexpr mode_t kMode = 0640;
  return sys::Descriptor(
      path == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                  : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kMode));
}

}  // namespace

QueryLogLines::QueryLogLines(QueryLogOptions options) : options_(std::move(options)) {
  randombytes_buf(key_.data(), key_.size());
}

Filter QueryLogLines::filter(const QueryLogOptions& options) {
  Selection selection;
  selection.denied = options.which == LoggedQueries::kDenied;
  return [selected = filter_of(selection), skip = options.skip](const engine::Event& event) {
    return selected(event) && std::ranges::none_of(skip, [&event](const wire::DomainName& name) {
             return event.question.name.is_at_or_below(name);
           });
  };
}

void QueryLogLines::append(const engine::Event& event, std::string& text) {
  if (options_.which == LoggedQueries::kFirstSeen && !first_seen(event)) return;
  if (++count_ % options_.sample != 0) return;
  std::string client;
  if (options_.hash_clients) {
    client = fmt::format("{:016x}", hash(event.client.address.to_string()));
  }
  text += to_json(event, client);
  text += '\n';
}

std::uint64_t QueryLogLines::hash(std::string_view text) const noexcept {
  std::uint64_t value = 0;
  crypto_shorthash(reinterpret_cast<unsigned char*>(&value),
                   reinterpret_cast<const unsigned char*>(text.data()), text.size(), key_.data());
  return value;
}

bool QueryLogLines::first_seen(const engine::Event& event) {
  if (seen_.size() >= kMostSeen) seen_.clear();
  return seen_.insert(hash(event.client.address.to_string() + ' ' + event.question.name.to_text()))
      .second;
}

Result<sys::Descriptor> QueryLog::open_file(const std::string& path, const std::string& user) {
  sys::Descriptor file = open_for_appending(path);
  if (!file) return fail(fmt::format("query-log.path: {}: {}", path, words()));
  if (::geteuid() != 0 || path == "-") return file;
  const auto identity = sys::find_user(user);
  if (!identity || ::fchown(file.get(), identity->user, static_cast<gid_t>(-1)) != 0) {
    return fail(fmt::format("query-log.path: {} can't be given to {}: {}", path, user, words()));
  }
  return file;
}

QueryLog::QueryLog(Hub& hub, QueryLogOptions options, sys::Descriptor file)
    : path_(options.path),
      lines_(options),
      file_(std::move(file)),
      tap_(hub.open(QueryLogLines::filter(options), kMostWaiting)),
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
        log::repeated("query log",
                      fmt::format("query-log.path: {}: {}; the old file goes on", path_, words()));
      }
    }
    std::string text;
    const std::vector<engine::Event> events = tap_->take();
    for (const engine::Event& event : events) lines_.append(event, text);
    if (const auto dropped = tap_->take_dropped(); dropped != 0) {
      text += fmt::format("{{\"dropped\":{}}}\n", dropped);
    }
    if (!text.empty()) write(text, stop);
    if (!last && events.size() < kMostWaiting / 2) std::this_thread::sleep_for(kBeat);
  }
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
      log::repeated("query log",
                    fmt::format("{}: {}; lines of the query log are lost", path_, words()));
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  lost_ += static_cast<std::uint64_t>(
      std::count(whole.begin() + static_cast<std::ptrdiff_t>(done), whole.end(), '\n'));
  if (done != 0) torn_ = whole[done - 1] != '\n';
}

}  // namespace nxgate::observe
