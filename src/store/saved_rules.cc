#include "store/saved_rules.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "config/settings.h"
#include "policy/list.h"
#include "policy/rule.h"
#include "store/runtime_rules.h"
#include "sys/descriptor.h"
#include "sys/privileges.h"
#include "sys/state_directory.h"

namespace nxgate::store {
namespace {

namespace fs = std::filesystem;
using policy::Action;

/// More can't be saved.
constexpr std::size_t kLargestRules = 16UL << 20;
/// More isn't read at start.
constexpr std::size_t kLargestRead = 256UL << 20;
constexpr std::string_view kHeader =
    "# Rules of `nxgate allow --save` and `nxgate deny --save`; nxgate rewrites this file.\n";

std::string list_of(const std::string& policy, Action action) {
  return fmt::format("{}/{}.d/saved.list", state_folder(policy),
                     action == Action::kAllow ? "allow" : "deny");
}

/// A line's rule without its comment; nothing on other lines.
Result<policy::ParsedRule> rule_in(std::string_view line) {
  return policy::parse_rule(line.substr(0, line.find('#')));
}

/// The text without the lines whose rule is for these names; and whether there were any.
struct Rest {
  std::string text;
  bool found = false;
};
Rest without(const std::string& text, const policy::Rule& rule) {
  Rest rest;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end;
    const auto parsed = rule_in(line);
    if (parsed && parsed->name == rule.name && parsed->scope == rule.scope) {
      rest.found = true;
    } else {
      rest.text += line;
    }
  }
  return rest;
}

std::unexpected<Error> unreadable(const std::string& path, const std::string& why) {
  return fail(fmt::format(
      "{} can't be read: {}; nothing was changed; fix the file, or move it away", path, why));
}

/// A list of one policy, and what it will be.
class SavedList {
 public:
  SavedList(const sys::StateDirectory& directory, const std::string& policy, Action action)
      : directory_(directory), name_(list_of(policy, action)) {}

  [[nodiscard]] std::string path() const { return directory_.path() + "/" + name_; }

  Result<void> read() {
    auto text = directory_.read(name_, kLargestRules);
    if (!text) return unreadable(path(), text.error().message);
    text_ = std::move(*text).value_or(std::string(kHeader));
    return {};
  }

  /// Whether there was a rule for these names.
  bool forget(const policy::Rule& rule) {
    Rest rest = without(text_, rule);
    if (rest.found) text_ = std::move(rest.text);
    changed_ |= rest.found;
    return rest.found;
  }

  void add(const std::string& line) {
    if (!text_.empty() && !text_.ends_with('\n')) text_ += '\n';
    text_ += line;
    changed_ = true;
  }

  /// Writes it beside the list, without replacing that yet.
  Result<void> stage() {
    if (!changed_) return {};
    if (text_.size() > kLargestRules) {
      return fail(fmt::format(
          "{} would exceed {} MiB; move rules from it to a list in allow-files or deny-files",
          path(), kLargestRules >> 20));
    }
    auto staged = directory_.stage(name_, text_);
    if (!staged) {
      return fail(fmt::format(
          "{} can't be written: {}; nothing was changed; check that there is space, and that the "
          "server's user owns the directory control.state, or restart nxgate, which sets the owner",
          path(), staged.error().message));
    }
    staged_.emplace(*std::move(staged));
    return {};
  }

  Result<void> commit() {
    if (!staged_) return {};
    if (auto done = staged_->commit(); !done) {
      return fail(fmt::format("{} can't be replaced: {}", path(), done.error().message));
    }
    return {};
  }

 private:
  const sys::StateDirectory& directory_;
  std::string name_;
  std::string text_;
  bool changed_ = false;
  std::optional<sys::StateDirectory::Staged> staged_;
};

/// Everything that may fail for lack of space or rights comes before the first list is replaced.
Result<void> write_both(SavedList& first, SavedList& second) {
  for (SavedList* const list : {&first, &second}) {
    if (auto done = list->stage(); !done) return done;
  }
  for (SavedList* const list : {&first, &second}) {
    if (auto done = list->commit(); !done) return done;
  }
  return {};
}

/// Adds a list to the policy, except for invalid lines.
void take_list(const std::string& path, const std::string& text, Action action,
               config::PolicySettings& policy, SavedRules& found) {
  policy::ParsedList list = policy::parse_list(text, {path, 0}, action);
  policy.rules.add(list);
  if (list.faults.empty()) return;
  found.notices.push_back(
      fmt::format("{}: {} not valid and ignored, the first at line {}; fix or remove them", path,
                  list.faulty == 1 ? "a line is" : fmt::format("{} lines are", list.faulty),
                  list.faults.front().at.line));
  list.faults.resize(std::min(list.faults.size(), kMostFaults));
  std::ranges::move(list.faults, std::back_inserter(found.skipped));
}

}  // namespace

std::string state_folder(std::string policy) {
  std::ranges::replace(policy, '/', '_');
  if (policy.starts_with('.')) policy.front() = '_';
  return policy;
}

Result<std::string> save_rule(const std::string& state, const std::string& policy,
                              const std::string& text, const RuntimeRule& added) {
  if (state.empty()) {
    return fail(
        "nothing can be saved: set a directory for it in the configuration, such as `[control] "
        "state = \"/var/lib/nxgate\"`");
  }
  const policy::Rule& rule = added.rule;
  const sys::StateDirectory directory(state);
  SavedList list(directory, policy, rule.action);
  SavedList other(directory, policy,
                  rule.action == Action::kAllow ? Action::kDeny : Action::kAllow);
  for (SavedList* const each : {&list, &other}) {
    if (auto read = each->read(); !read) return std::unexpected(read.error());
    (void)each->forget(rule);
  }
  list.add(fmt::format("{}  # {:%Y-%m-%d %H:%M} UTC, {}{}\n", text,
                       fmt::gmtime(std::chrono::system_clock::to_time_t(added.since)), added.by,
                       added.why.empty() ? "" : ": " + added.why));
  if (auto written = write_both(list, other); !written) return std::unexpected(written.error());
  return list.path();
}

Result<bool> forget_rule(const std::string& state, const std::string& policy,
                         const policy::Rule& rule) {
  if (state.empty()) return false;
  const sys::StateDirectory directory(state);
  SavedList allowed(directory, policy, Action::kAllow);
  SavedList denied(directory, policy, Action::kDeny);
  bool found = false;
  for (SavedList* const each : {&allowed, &denied}) {
    if (auto read = each->read(); !read) return std::unexpected(read.error());
    found |= each->forget(rule);
  }
  if (auto written = write_both(allowed, denied); !written) return std::unexpected(written.error());
  return found;
}

SavedRules read_saved_rules(config::Settings& settings) {
  SavedRules found;
  const std::string& state = settings.control.state;
  if (state.empty()) return found;
  const sys::StateDirectory directory(state);
  for (config::PolicySettings& policy : settings.policies) {
    for (const Action action : {Action::kAllow, Action::kDeny}) {
      const std::string name = list_of(policy.name.name, action);
      const std::string path = fmt::format("{}/{}", state, name);
      const auto read = directory.read(name, kLargestRead);
      if (!read || *read) found.watched.push_back(path);
      if (!read) {
        found.faults.push_back({{path, 0, 0},
                                fmt::format("saved rules can't be read: {}; fix the file, or move "
                                            "it away to start without them",
                                            read.error().message)});
      } else if (const auto& text = *read) {
        take_list(path, *text, action, policy, found);
      }
    }
  }
  return found;
}

std::optional<std::string> state_fault(const std::string& state) {
  if (state.empty() || ::access(state.c_str(), W_OK | X_OK) == 0) return std::nullopt;
  return fmt::format(
      "control.state: {} can't be written: {}; no rule can be saved, and what is learnt is lost at "
      "a restart; make it writable for the user {}, or name another directory",
      state, std::generic_category().message(errno), ::geteuid());
}

Result<std::optional<sys::Descriptor>> prepare_state(const std::string& state,
                                                     const std::string& user) {
  if (state.empty()) return std::nullopt;
  std::error_code error;
  fs::create_directories(state, error);
  if (error) {
    return fail(fmt::format(
        "control.state: {} can't be created: {}; create it for the user {}, or name another "
        "directory",
        state, error.message(), user));
  }
  auto lock = sys::StateDirectory(state).lock();
  if (!lock) {
    return fail(fmt::format("control.state: {}: {}; give each server its own directory", state,
                            lock.error().message));
  }
  if (::geteuid() == 0) {
    const auto identity = sys::find_user(user);
    const auto given = identity
                           ? sys::StateDirectory(state).give_to(identity->user, identity->group)
                           : fail("no such user");
    if (!given) {
      return fail(fmt::format("control.state: cannot change the owner of {} to {}: {}", state, user,
                              given.error().message));
    }
  }
  return lock;
}

}  // namespace nxgate::store
