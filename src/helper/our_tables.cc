#include "helper/our_tables.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <netinet/in.h>
// The kernel's headers after those of libc, which define the same.
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

namespace nxgate::helper {
namespace {

constexpr std::string_view kGate = "nxgate";
constexpr std::string_view kFirewall = "nxgate_egress";
/// A firewall for clients has its policy's name behind this.
constexpr std::string_view kClientsFirewall = "nxgate_egress_";

/// A chain of ours; the netfilter room writes no other (gate.cc, gate_ports.cc, firewall.cc).
struct OurChain {
  bool gate;  ///< in the gate's table; else in a firewall's
  std::uint8_t family;
  std::string_view name;
  std::optional<OurHook> hook{};
  bool host = false;  ///< also in a firewall for clients, which judges only errors that it sends
  RuleEffects may{};
};

/// Just before Docker's rules.
constexpr std::int32_t kBeforeDocker = NF_IP_PRI_NAT_DST - 1;
constexpr std::int32_t kBehindGate = NF_IP_PRI_FILTER + 1;
constexpr std::int32_t kBehindNat = NF_IP_PRI_NAT_SRC + 1;

constexpr auto kChains = std::to_array<OurChain>({
    {true, NFPROTO_INET, "redirect", OurHook{"nat", NF_INET_LOCAL_OUT, kBeforeDocker}},
    {true,
     NFPROTO_INET,
     "to_listener",
     OurHook{"filter", NF_INET_LOCAL_IN, kBehindNat},
     false,
     {.writes_port = true}},
    {true,
     NFPROTO_INET,
     "from_listener",
     OurHook{"filter", NF_INET_LOCAL_OUT, NF_IP_PRI_RAW},
     false,
     {.writes_port = true}},
    {true, NFPROTO_INET, "guard", OurHook{"filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER}},
    {true, NFPROTO_INET, "forwarded", OurHook{"filter", NF_INET_FORWARD, NF_IP_PRI_FILTER}},
    {true, NFPROTO_INET, "outbound", OurHook{"filter", NF_INET_POST_ROUTING, kBehindNat}},
    {true, NFPROTO_NETDEV, "egress", OurHook{"filter", NF_NETDEV_EGRESS, NF_IP_PRI_FILTER}},
    {false, NFPROTO_INET, "fragments",
     OurHook{"filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW_BEFORE_DEFRAG}, true},
    {false, NFPROTO_INET, "arriving", OurHook{"filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE},
     true},
    {false, NFPROTO_INET, "leaving", OurHook{"filter", NF_INET_LOCAL_OUT, NF_IP_PRI_MANGLE}},
    {false, NFPROTO_INET, "output", OurHook{"filter", NF_INET_LOCAL_OUT, kBehindGate}},
    {false, NFPROTO_INET, "errors", OurHook{"filter", NF_INET_LOCAL_OUT, kBehindGate}, true},
    {false, NFPROTO_INET, "forward", OurHook{"filter", NF_INET_FORWARD, kBehindGate}, true},
    {false, NFPROTO_INET, "names", OurHook{"nat", NF_INET_LOCAL_OUT, kBeforeDocker}},
    {false, NFPROTO_INET, "names_behind", OurHook{"nat", NF_INET_PRE_ROUTING, kBeforeDocker}, true},
    {false, NFPROTO_INET, "checked", {}, true, {.redirects_to_port = true}},
    {false, NFPROTO_INET, "clients", {}, true},
    {false, NFPROTO_INET, "judge", {}, true},
    {false, NFPROTO_INET, "neighbours", {}, true},
    {false, NFPROTO_INET, "openings", {}, true},
    {false, NFPROTO_INET, "refuse", {}, true},
    {false, NFPROTO_INET, "forged", {}, true},
    {false, NFPROTO_NETDEV, "packets", OurHook{"filter", NF_NETDEV_EGRESS, kBehindGate}},
});
static_assert(kChains.size() <= 64, "one bit each");

constexpr std::array<std::string_view, 10> kSets{
    "open4",  "open6",   "refused4", "refused6",     "flows4",
    "flows6", "onward4", "onward6",  "unreachable4", "unreachable6"};

std::uint64_t bit_of(std::size_t row) noexcept { return std::uint64_t{1} << row; }

/// The row of a chain in this table; nothing if it is none of ours.
std::optional<std::size_t> row_of(std::string_view table, std::uint8_t family,
                                  std::string_view name) noexcept {
  const bool gate = table == kGate;
  const auto found = std::ranges::find_if(kChains, [&](const OurChain& each) {
    return each.gate == gate && each.family == family && each.name == name;
  });
  if (found == kChains.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kChains.begin());
}

}  // namespace

bool OurTransaction::table(std::uint8_t family, std::string_view name) noexcept {
  const bool known_family = family == NFPROTO_INET || family == NFPROTO_NETDEV;
  const bool of_clients = place_ == Place::kHost && name.starts_with(kClientsFirewall);
  const bool ours = name == kFirewall || of_clients || (place_ != Place::kHost && name == kGate);
  if (!known_family || !ours || (!name_.empty() && name != name_)) return false;
  name_ = name;
  return true;
}

void OurTransaction::empty_table(std::uint8_t family) noexcept {
  for (std::size_t row = 0; row < kChains.size(); ++row) {
    if (kChains[row].family == family) emptied_ |= bit_of(row);
  }
}

bool OurTransaction::chain(std::uint8_t family, std::string_view name,
                           const std::optional<OurHook>& hook) noexcept {
  const auto row = row_of(name_, family, name);
  return row && kChains[*row].hook == hook && (place_ != Place::kHost || kChains[*row].host);
}

bool OurTransaction::empty_chain(std::uint8_t family, std::string_view name) noexcept {
  const auto row = row_of(name_, family, name);
  if (row) emptied_ |= bit_of(*row);
  return row.has_value();
}

bool OurTransaction::rule(std::uint8_t family, std::string_view chain,
                          const RuleEffects& effects) noexcept {
  const auto row = row_of(name_, family, chain);
  if (!row || (emptied_ & bit_of(*row)) == 0) return false;
  const RuleEffects& may = kChains[*row].may;
  return (!effects.writes_port || may.writes_port) &&
         (!effects.redirects_to_port || may.redirects_to_port) && ++rules_ <= kMostRules;
}

bool OurTransaction::set(std::string_view name, std::uint32_t size) const noexcept {
  return std::ranges::find(kSets, name) != kSets.end() && size > 0 && size <= kMostElements;
}

bool OurTransaction::elements(std::string_view set, std::size_t count) noexcept {
  elements_ += count;
  return std::ranges::find(kSets, set) != kSets.end() && elements_ <= kMostElements;
}

}  // namespace nxgate::helper
