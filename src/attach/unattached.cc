#include "attach/unattached.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/log.h"

namespace nxgate::attach {
namespace {

/// A list of hundreds doesn't help, and `nxgate status` has it.
constexpr std::size_t kMostNamed = 5;

void tell(const Unattached& each) {
  // Errors are logged where they occur, pending ones when they are attached, and builds once.
  if (each.why == WhyUnattached::kEngine || each.why == WhyUnattached::kFailed ||
      each.why == WhyUnattached::kPending || each.why == WhyUnattached::kBuild) {
    return;
  }
  // It was attached, or would be if it were there.
  const bool absent =
      each.why == WhyUnattached::kNotRunning || each.why == WhyUnattached::kNoNamespace;
  if (absent && each.wanted) {
    log::warning("{}: {}", each.label, each.reason);
  } else if (each.wanted) {
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

std::string shortfall(std::size_t attached, const std::vector<Unattached>& all) {
  std::size_t missing = 0;
  std::vector<std::string> parts;
  for (const Unattached& each : all) {
    if (!each.wanted) continue;
    if (each.why != WhyUnattached::kEngine) ++missing;
    parts.push_back(fmt::format("{}: {}", each.label, each.reason));
  }
  if (parts.empty()) return {};
  std::string text = missing == 0 ? std::string("it isn't known what runs")
                                  : fmt::format("{} of {} attached", attached, attached + missing);
  for (std::size_t i = 0; i < std::min(parts.size(), kMostNamed); ++i) text += "; " + parts[i];
  if (parts.size() > kMostNamed) text += fmt::format("; {} more", parts.size() - kMostNamed);
  return text;
}

}  // namespace nxgate::attach
