#include "base/log.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <spdlog/common.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/journal.h"

namespace nxgate::log {
namespace {

constexpr Seconds kRepeatInterval{60};
constexpr std::size_t kMostKeys = 1024;

struct Repeated {
  Instant last_written;
  std::uint64_t suppressed = 0;
};

/// A variable of the environment, or nothing. It is read before there is another thread.
std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string_view() : value;
}

spdlog::sink_ptr make_sink(bool journal) {
  if (journal) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  const auto mode =
      variable("NO_COLOR").empty() ? spdlog::color_mode::automatic : spdlog::color_mode::never;
  return std::make_shared<spdlog::sinks::stderr_color_sink_mt>(mode);
}

struct State {
  std::atomic<Level> level{Level::kInfo};
  const bool journal = is_journal(STDERR_FILENO, std::string(variable("JOURNAL_STREAM")));
  spdlog::logger logger{"nxgate", make_sink(journal)};
  std::mutex mutex;
  std::map<std::string, Repeated, std::less<>> repeated;

  State() {
    logger.set_pattern(journal ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    logger.set_level(spdlog::level::trace);
    logger.flush_on(spdlog::level::trace);
  }
};

State& state() {
  static State instance;
  return instance;
}

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::kError:
      return spdlog::level::err;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kQuery:
      return spdlog::level::debug;
    case Level::kExchange:
      return spdlog::level::trace;
  }
  return spdlog::level::err;
}

/// By syslog(3).
std::string_view priority(Level level) noexcept {
  switch (level) {
    case Level::kError:
      return "<3>";
    case Level::kWarning:
      return "<4>";
    case Level::kInfo:
      return "<6>";
    case Level::kQuery:
    case Level::kExchange:
      return "<7>";
  }
  return "<3>";
}

}  // namespace

void set_level(Level most_talkative) { state().level = most_talkative; }

bool enabled(Level level) noexcept {
  return level <= state().level.load(std::memory_order_relaxed);
}

std::string_view journal_prefix(Level level) noexcept {
  return state().journal ? priority(level) : std::string_view();
}

void write(Level level, std::string_view text) noexcept {
  if (!enabled(level)) return;
  try {
    state().logger.log(spdlog_level(level), "{}{}", journal_prefix(level),
                       shortened(text, kLongestLine));
  } catch (...) {  // out of memory or a closed stderr: the answer matters more than the line
    return;
  }
}

void repeated(std::string_view key, std::string_view text) {
  const Instant now = Clock::now();
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(state().mutex);
    auto& known = state().repeated;
    auto found = known.find(key);
    if (found == known.end()) {
      if (known.size() >= kMostKeys) known.erase(known.begin());
      known.emplace(std::string(key), Repeated{now, 0});
    } else if (now - found->second.last_written < kRepeatInterval) {
      ++found->second.suppressed;
      return;
    } else {
      before = found->second.suppressed;
      found->second = {now, 0};
    }
  }
  if (before == 0) {
    write(Level::kWarning, text);
  } else {
    warning("{} ({} more times in between)", text, before);
  }
}

void flush_repeated() {
  const std::lock_guard lock(state().mutex);
  for (auto& [key, entry] : state().repeated) {
    if (entry.suppressed != 0) warning("{}: {} more times", key, entry.suppressed);
    entry.suppressed = 0;
  }
}

}  // namespace nxgate::log
