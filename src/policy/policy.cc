#include "policy/policy.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "policy/matcher.h"
#include "wire/name.h"

namespace nxgate::policy {
namespace {

std::optional<Ports> common(const Ports& one, const Ports& other) {
  if (one.empty()) return other;
  if (other.empty()) return one;
  Ports both = one;
  std::erase_if(both, [&](const Port& port) { return std::ranges::count(other, port) == 0; });
  return both.empty() ? std::nullopt : std::optional(both);
}

}  // namespace

std::optional<Ports> Policy::ports_of(const wire::SuffixHashes& hashes) const {
  const Matcher* const first = egress_rules ? egress_rules.get() : matcher.get();
  const Ports* const own = first->ports_of(first->match(hashes));
  std::optional<Ports> ports = own != nullptr ? *own : egress->ports;
  const auto agree = [&](const std::shared_ptr<const Matcher>& with) {
    if (!ports || !with || with.get() == first) return;
    const Ports* const theirs = with->ports_of(with->match(hashes));
    if (theirs != nullptr) ports = common(*ports, *theirs);
  };
  agree(matcher);
  agree(narrowing);
  std::ranges::for_each(others, agree);
  return ports;
}

Ports Policy::agreed_ports(const wire::SuffixHashes& hashes, Ports ports) const {
  const auto agree = [&](const std::shared_ptr<const Matcher>& with) {
    if (!with || ports.empty()) return;  // where none is left, none comes back
    const Ports* const theirs = with->ports_of(with->match(hashes));
    if (theirs != nullptr) ports = common(ports, *theirs).value_or(Ports());
  };
  agree(egress_rules);
  agree(matcher);
  agree(narrowing);
  std::ranges::for_each(others, agree);
  return ports;
}

PolicySet::PolicySet(Policies policies, std::vector<ClientRange> clients, std::uint16_t fallback,
                     Attached attached)
    : policies_(std::move(policies)),
      clients_(std::move(clients)),
      fallback_(fallback),
      attached_(std::move(attached)) {
  const auto group = [](const ClientRange& range) {
    return std::pair(-int{range.prefix.length()}, range.prefix.address().is_v4());
  };
  std::ranges::sort(clients_, {}, [&](const ClientRange& range) {
    return std::pair(group(range), range.prefix.address());
  });
  for (std::size_t i = 1; i <= clients_.size(); ++i) {
    const bool ends = i == clients_.size() || group(clients_[i - 1]) != group(clients_[i]);
    if (ends) ends_.push_back(i);
  }
}

const Policy* PolicySet::select(const IpAddress& client) const noexcept {
  std::uint16_t index = fallback_;
  auto begin = clients_.begin();
  for (const std::size_t group : ends_) {
    const auto end = clients_.begin() + static_cast<std::ptrdiff_t>(group);
    // Ranges of one length don't overlap: the one that may hold the client is the last before it.
    const auto behind = std::ranges::upper_bound(
        begin, end, client, {}, [](const ClientRange& range) { return range.prefix.address(); });
    if (behind != begin && std::prev(behind)->prefix.contains(client)) {
      index = std::prev(behind)->policy;
      break;
    }
    begin = end;
  }
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
