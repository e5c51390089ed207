#include "app/refusals.h"

#include <cstddef>
#include <ranges>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "base/address.h"
#include "base/escape.h"
#include "base/log.h"
#include "egress/fence.h"
#include "policy/egress.h"
#include "sys/netns.h"
#include "sys/socket_owner.h"

namespace nxgate::app {
namespace {

/// Where to, and what led there: `tcp/22 of 192.0.2.7 (github.com)`.
std::string described(const egress::Refusal& refusal) {
  const Port& port = refusal.to.port;
  const std::string protocol =
      port.number == 0 ? fmt::format("protocol {}", port.protocol) : port.to_string();
  return fmt::format("{} of {} ({})", protocol, refusal.to.address.to_string(),
                     refusal.name.empty() ? "no name led there" : escaped(refusal.name));
}

/// `, by curl (pid 4711)`, if it is known.
std::string process_behind(const egress::Refusal& refusal, const sys::NetnsRef* netns) {
  const Port& port = refusal.to.port;
  if (netns == nullptr || port.number == 0) return {};
  const auto seen = sys::find_by_peer(*netns, port.protocol, {refusal.to.address, port.number});
  return seen ? fmt::format(", by {} (pid {})", escaped(seen->name), seen->pid) : "";
}

}  // namespace

void report_refusals(const std::string& label, const sys::NetnsRef* netns,
                     const policy::Egress* egress, egress::Fence& fence) {
  constexpr std::size_t kMostLines = 10;
  const std::vector<egress::Refusal> refusals = fence.refusals();
  const bool audit = egress != nullptr && egress->mode == policy::EgressMode::kAudit;
  for (const egress::Refusal& refusal : refusals | std::views::take(kMostLines)) {
    log::info("{}: {} {}{}", label, audit ? "would refuse" : "refused", described(refusal),
              process_behind(refusal, netns));
  }
  if (refusals.size() > kMostLines) {
    log::info("{}: and {} more", label, refusals.size() - kMostLines);
  }
}

}  // namespace nxgate::app
