#include "attach/leftovers.h"

#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "netfilter/firewall.h"
#include "netfilter/gate.h"
#include "netfilter/owner.h"
#include "sys/netns.h"
#include "sys/reach.h"

namespace nxgate::attach {
namespace {

using Namespaces = std::map<std::uint64_t, sys::NetnsRef>;

void add(Namespaces& found, const std::string& text) {
  const sys::NetnsRef netns(text);
  if (const auto identity = netns.identity()) found.emplace(*identity, netns);
}

Namespaces all_namespaces() {
  Namespaces found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/run/netns", error)) {
    add(found, entry.path());
  }
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos) add(found, "pid:" + name);
  }
  return found;
}

}  // namespace

/// The gate last: it is what leftovers are known by.
Result<bool> remove_all(const sys::NetnsRef& netns) {
  const auto firewalls = netfilter::remove_firewalls(netns);
  if (!firewalls) return std::unexpected(firewalls.error());
  if (auto removed = netfilter::remove_gate(netns); !removed) {
    return std::unexpected(removed.error());
  }
  return *firewalls != 0;
}

void remove_leftover(const sys::NetnsRef& named) {
  const auto pinned = named.pin();
  if (!pinned) return;
  const sys::NetnsRef& netns = *pinned;
  const auto right = sys::Attached::at(netns);
  const auto owner =
      right ? netfilter::find_gate(netns) : Result<std::optional<netfilter::Owner>>();
  if (!owner || !*owner || (*owner)->alive()) return;
  if (auto removed = remove_all(netns)) {
    log::info("removed what the nxgate of pid {} left in {}", (*owner)->pid, netns.text());
  } else {
    log::warning("{}", removed.error().message);
  }
}

void remove_leftovers(const std::set<std::uint64_t>& spared) {
  for (const auto& [identity, netns] : all_namespaces()) {
    if (!spared.contains(identity)) remove_leftover(netns);
  }
}

}  // namespace nxgate::attach
