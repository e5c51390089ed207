#include "base/log.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <spdlog/common.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/clock.h"
#include "base/escape.h"

namespace nxgate::log {
namespace {

constexpr Seconds kRepeatInterval{60};
constexpr std::size_t kMostKeys = 1024;

struct Repeated {
  Instant last_written;
  std::uint64_t suppressed = 0;
};

struct State {
  std::atomic<Level> level{Level::kInfo};
  spdlog::logger logger{"nxgate", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
  std::mutex mutex;
  std::map<std::string, Repeated, std::less<>> repeated;

  State() {
    logger.set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
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

}  // namespace

void set_level(Level most_talkative) { state().level = most_talkative; }

bool enabled(Level level) noexcept {
  return level <= state().level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view text) noexcept {
  if (!enabled(level)) return;
  try {
    state().logger.log(spdlog_level(level), "{}", escaped(text));
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
