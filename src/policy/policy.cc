#include "policy/policy.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"

namespace nxgate::policy {

PolicySet::PolicySet(std::vector<std::unique_ptr<const Policy>> policies,
                     std::vector<ClientRange> clients, std::uint16_t fallback)
    : policies_(std::move(policies)), clients_(std::move(clients)), fallback_(fallback) {
  std::ranges::sort(clients_, std::ranges::greater{},
                    [](const ClientRange& range) { return range.prefix.length(); });
}

const Policy* PolicySet::select(const IpAddress& client) const noexcept {
  const auto range = std::ranges::find_if(
      clients_, [&](const ClientRange& candidate) { return candidate.prefix.contains(client); });
  const std::uint16_t index = range == clients_.end() ? fallback_ : range->policy;
  return index < policies_.size() ? policies_[index].get() : nullptr;
}

std::optional<std::uint16_t> PolicySet::index_of(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if (policies_[i]->name == name) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

}  // namespace nxgate::policy
