#include "config/policy_source.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include "base/address.h"
#include "base/error.h"
#include "config/context.h"
#include "config/settings.h"
#include "config/value.h"
#include "policy/list.h"
#include "policy/list_format.h"
#include "policy/local_data.h"
#include "policy/presets.h"
#include "policy/rule.h"
#include "policy/rule_set.h"
#include "wire/types.h"

namespace nxgate::config {
namespace {

/// The first lines of a list, by which its format is told.
constexpr std::size_t kBeginning = 64UL << 10;
/// Lines that are skipped, of one file.
constexpr std::size_t kMostTold = 5;
/// A name of three letters and the end of the line: blank lines ask for no memory.
constexpr std::size_t kShortestLine = 4;

using ReadFile = std::function<Result<void>(const std::string& file)>;

void read_files(Context& context, const Text& pattern, const ReadFile& read) {
  const std::string path = context.resolve(pattern.value);
  context.watched.push_back(path);
  auto files = context.files.expand(path);
  if (!files) {
    context.fault(pattern.at, fmt::format("{}: {}", in_quotes(path), files.error().message));
    return;
  }
  for (const std::string& file : *files) {
    if (auto done = read(file); !done) {
      context.fault(pattern.at, fmt::format("{}: {}", in_quotes(file), done.error().message));
    }
  }
}

std::uint32_t line_ends(std::string_view text) {
  return static_cast<std::uint32_t>(std::ranges::count(text, '\n'));
}

/// Lines of a file that are no rules and yet no reason to reject it.
struct Skipped {
  Faults first{};
  std::size_t lines = 0;

  void add(Faults more, std::size_t count) {
    lines += count;
    for (Fault& each : more) {
      if (first.size() < kMostTold) first.push_back(std::move(each));
    }
  }
  void tell(Context& context, const std::string& file) const {
    for (const Fault& each : first) {
      context.warn(each.at, fmt::format("skipped: {}", each.text));
    }
    if (lines > first.size()) {
      context.warn({file, 0, 0}, fmt::format("{} lines are skipped in total", lines));
    }
  }
};

/// Reads parts of a list on other threads while what they said is added in the order of the parts.
class PartsAhead {
 public:
  PartsAhead(Context& context, PolicySettings& policy) : context_(context), policy_(policy) {}

  void read(std::string_view text, policy::ListPart part, policy::Action action) {
    const bool alone = threads_ < 2 || text.size() < kWorthAThread;
    // Where no thread is to be had it is read by this one.
    parts_.push_back(
        std::async(alone ? std::launch::deferred : std::launch::async | std::launch::deferred,
                   [text = std::string(text), part = std::move(part), action] {
                     return policy::parse_list(text, part, action);
                   }));
    if (parts_.size() == threads_) add_first();
  }
  void finish() {
    while (!parts_.empty()) add_first();
  }
  [[nodiscard]] const Skipped& skipped() const noexcept { return skipped_; }
  [[nodiscard]] std::size_t rules() const noexcept { return rules_read_; }

 private:
  static constexpr std::size_t kWorthAThread = 64UL << 10;
  static constexpr unsigned kMostThreads = 4;  // adding costs more than a quarter of reading

  void add_first() {
    policy::ParsedList list = parts_.front().get();
    parts_.pop_front();
    policy_.rules.add(list);
    rules_read_ += list.entries.size();
    skipped_.add(std::move(list.skipped), list.skipped_lines);
    if (policy_.on_bad_line == BadLine::kSkip) {
      skipped_.add(std::move(list.faults), list.faulty);
    } else {
      context_.add(std::move(list.faults));
    }
  }

  Context& context_;
  PolicySettings& policy_;
  Skipped skipped_;
  std::size_t rules_read_ = 0;
  unsigned threads_ = std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads);
  std::deque<std::future<policy::ParsedList>> parts_;
};

/// Reads the file twice, once to know for how much there must be room: tables that grow by and by
/// would take far more memory meanwhile than the second reading takes time.
Result<void> read_list(Context& context, const std::string& file, policy::Action action,
                       std::optional<policy::ListFormat> format, PolicySettings& policy) {
  std::size_t lines = 1;
  std::size_t bytes = 0;
  std::string beginning;
  auto counted = context.files.read_lines(file, [&](std::string_view text) {
    lines += line_ends(text);
    bytes += text.size();
    beginning += text.substr(0, kBeginning - std::min(kBeginning, beginning.size()));
  });
  if (!counted) return counted;
  policy.rules.reserve(std::min(lines, bytes / kShortestLine + 1), bytes);
  const policy::ListForm form = policy::form_of(beginning, format);
  std::uint32_t before = 0;
  PartsAhead parts(context, policy);
  auto read = context.files.read_lines(file, [&](std::string_view text) {
    if (context.stopped(file)) return;
    parts.read(text, {file, before, form}, action);
    before += line_ends(text);
  });
  parts.finish();
  parts.skipped().tell(context, file);
  if (parts.rules() == 0 && parts.skipped().lines != 0 && policy.on_bad_line == BadLine::kRefuse) {
    context.fault({file, 0, 0}, "none of its lines is a rule about a name");
  }
  return read;
}

}  // namespace

void add_rule(Context& context, PolicySettings& policy, policy::Action action, const Text& rule) {
  const auto parsed = policy::parse_rule(rule.value, action);
  if (!parsed) return context.fault(rule.at, parsed.error().message);
  policy.rules.add({parsed->name, parsed->scope, action, rule.at, parsed->ports});
}

void add_preset(Context& context, PolicySettings& policy, const Text& name) {
  const auto preset = parse_preset(name.value);
  if (!preset) return context.fault(name.at, preset.error().message);
  policy.rules.add(policy::rules_of(**preset));
}

void add_rule_files(Context& context, PolicySettings& policy, policy::Action action,
                    const Text& pattern, std::optional<policy::ListFormat> format) {
  read_files(context, pattern, [&](const std::string& file) {
    return read_list(context, file, action, format, policy);
  });
}

void add_record(Context& context, PolicySettings& policy, const Text& record) {
  auto parsed = policy::parse_record(record.value);
  if (!parsed) return context.fault(record.at, parsed.error().message);
  policy.local_cnames |= parsed->record.type == wire::Type::kCname;
  policy.local.add(parsed->owner, parsed->wildcard, std::move(parsed->record));
}

void add_hosts_files(Context& context, PolicySettings& policy, const Text& pattern) {
  read_files(context, pattern, [&](const std::string& file) -> Result<void> {
    const auto text = context.files.read(file);
    if (!text) return std::unexpected(text.error());
    context.add(policy::parse_hosts(*text, file, policy.local));
    return {};
  });
}

void add_deny_address(Context& context, PolicySettings& policy, const Text& address) {
  const auto parsed = parse_address(address.value);
  if (!parsed) return context.fault(address.at, parsed.error().message);
  std::optional<IpAddress>& place = parsed->is_v4() ? policy.deny_v4 : policy.deny_v6;
  if (place) {
    context.fault(address.at, fmt::format("{}: expected one address of each family, and {} stands "
                                          "there already",
                                          in_quotes(address.value), place->to_string()));
    return;
  }
  place = *parsed;
}

}  // namespace nxgate::config
