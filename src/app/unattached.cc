#include "app/unattached.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/log.h"

namespace nxgate::app {
namespace {

/// A list of hundreds helps nobody, and `nxgate status` has it.
constexpr std::size_t kMostNamed = 5;

void tell(const Unattached& each) {
  // Attachments has told of the error, and what is about to be attached is told of then.
  if (each.why == WhyUnattached::kFailed || each.why == WhyUnattached::kPending) return;
  if (each.wanted) {
    log::warning("{} is not attached: {}", each.label, each.reason);
  } else {
    log::info("{} is not attached: {}", each.label, each.reason);
  }
}

}  // namespace

void UnattachedList::set(std::vector<Unattached> all) {
  for (const Unattached& each : all) {
    if (std::ranges::find(all_, each) == all_.end()) tell(each);
  }
  all_ = std::move(all);
}

std::size_t count_wanted(const std::vector<Unattached>& all) {
  return static_cast<std::size_t>(std::ranges::count(all, true, &Unattached::wanted));
}

std::string shortfall(std::size_t attached, const std::vector<Unattached>& all) {
  const std::size_t missing = count_wanted(all);
  if (missing == 0) return {};
  std::string text = fmt::format("{} of {} attached", attached, attached + missing);
  std::size_t named = 0;
  for (const Unattached& each : all) {
    if (!each.wanted || named++ >= kMostNamed) continue;
    text += fmt::format("; {}: {}", each.label, each.reason);
  }
  if (named > kMostNamed) text += fmt::format("; and {} more", named - kMostNamed);
  return text;
}

}  // namespace nxgate::app
