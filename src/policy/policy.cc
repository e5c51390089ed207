#include "policy/policy.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"

namespace nxgate::policy {

PolicySet::PolicySet(Policies policies, std::vector<ClientRange> clients, std::uint16_t fallback,
                     Attached attached)
    : policies_(std::move(policies)),
      clients_(std::move(clients)),
      fallback_(fallback),
      attached_(std::move(attached)) {
  std::ranges::sort(clients_, std::ranges::greater{},
                    [](const ClientRange& range) { return range.prefix.length(); });
}

const Policy* PolicySet::select(const IpAddress& client) const noexcept {
  const auto range = std::ranges::find_if(
      clients_, [&](const ClientRange& candidate) { return candidate.prefix.contains(client); });
  const std::uint16_t index = range == clients_.end() ? fallback_ : range->policy;
  return index < policies_.size() ? policies_[index].get() : nullptr;
}

const Policy* PolicySet::find(std::string_view name) const noexcept {
  if (const auto attached = attached_.find(name); attached != attached_.end()) {
    return attached->second.get();
  }
  const auto named =
      std::ranges::find(policies_, name, [](const auto& each) { return each->name; });
  return named == policies_.end() ? nullptr : named->get();
}

PolicySet PolicySet::replaced(Policies policies) const {
  return {std::move(policies), clients_, fallback_, attached_};
}

PolicySet PolicySet::with(Attached attached) const {
  return {policies_, clients_, fallback_, std::move(attached)};
}

}  // namespace nxgate::policy
