#include "attach/stale_tables.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/core.h>

#include "attach/attachments.h"
#include "attach/followed.h"
#include "attach/subjects.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/log.h"
#include "containers/namespaces.h"
#include "netfilter/firewall.h"
#include "netfilter/gate.h"
#include "netfilter/owner.h"
#include "store/standing_fault.h"
#include "sys/attached.h"
#include "sys/file.h"
#include "sys/netns.h"

namespace nxgate::attach {
namespace {

using Namespaces = std::map<std::uint64_t, sys::NetnsRef>;

void add(Namespaces& found, const std::string& text) {
  const sys::NetnsRef netns(text);
  if (const auto identity = netns.identity()) found.emplace(*identity, netns);
}

void add_files_of(Namespaces& found, const char* directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    add(found, entry.path());
  }
}

Namespaces all_namespaces() {
  Namespaces found;
  add_files_of(found, "/run/netns");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos) add(found, "pid:" + name);
  }
  return found;
}

/// How many are reported one by one.
constexpr std::size_t kMostTold = 10;

/// What is in a namespace, and who left it.
struct StaleTables {
  netfilter::Owner owner;
  std::string tables;  ///< of its firewalls
};

/// Nothing if there is nothing, if its nxgate is alive, or if it can't be read.
std::optional<StaleTables> stale_tables_in(const sys::NetnsRef& netns) {
  const auto gate = netfilter::find_gate(netns);
  const auto firewalls = netfilter::find_dead_firewalls(netns);
  if (!gate || !firewalls || (*gate && (*gate)->alive())) return std::nullopt;
  if (!*gate && firewalls->empty()) return std::nullopt;
  StaleTables left{*gate ? **gate : firewalls->front().owner, {}};
  for (const netfilter::DeadFirewall& each : *firewalls) {
    left.tables += (left.tables.empty() ? "" : ", ") + each.table;
  }
  return left;
}

/// How an operator knows a namespace, and the option by which a command is told of it.
struct Named {
  std::string label;
  std::string option;
};

Named name_of(const sys::NetnsRef& netns) {
  constexpr std::string_view kProcess = "pid:";
  constexpr std::size_t kLongestName = 64;
  const std::string& text = netns.text();
  if (!text.starts_with(kProcess)) return {"the network namespace " + text, "--netns " + text};
  const std::string pid = text.substr(kProcess.size());
  std::string name = sys::read_file("/proc/" + pid + "/comm", kLongestName).value_or("");
  if (name.ends_with('\n')) name.pop_back();
  return {fmt::format("the network namespace of pid {} ({})", pid, escaped(name)), "--pid " + pid};
}

std::string described(const sys::NetnsRef& netns, bool own, const StaleTables& left) {
  const Named named = name_of(netns);
  if (own) {
    return fmt::format(
        "this host still has a firewall ({}) from the nxgate with pid {}, which has ended, and no "
        "`[[clients]]` needs it now: it stays closed until `nxgate detach {}` opens it",
        left.tables, left.owner.pid, named.option);
  }
  return fmt::format(
      "{} was left closed by the nxgate with pid {}, which has ended, and this one doesn't attach "
      "it: it stays closed until `nxgate detach {}` opens it",
      named.label, left.owner.pid, named.option);
}

}  // namespace

/// The gate last: stale tables are found by it.
Result<bool> remove_gate_and_firewalls(const sys::NetnsRef& netns) {
  const auto firewalls = netfilter::remove_firewalls(netns);
  if (!firewalls) return std::unexpected(firewalls.error());
  if (auto removed = netfilter::remove_gate(netns); !removed) {
    return std::unexpected(removed.error());
  }
  return *firewalls != 0;
}

Result<bool> remove_dead(const std::string& label, const sys::NetnsRef& netns) {
  const auto owner = netfilter::find_gate(netns);
  if (!owner) return std::unexpected(owner.error());
  if (*owner && (*owner)->alive()) {
    return fail(fmt::format(
        "{} is held by the nxgate with pid {}, which detaches when it is stopped (kill {})", label,
        (*owner)->pid, (*owner)->pid));
  }
  const auto removed = remove_gate_and_firewalls(netns);
  if (!removed) return std::unexpected(removed.error());
  return owner->has_value() || *removed;
}

void remove_stale_tables(const sys::NetnsRef& named) {
  const auto pinned = named.pin();
  if (!pinned) return;
  const sys::NetnsRef& netns = *pinned;
  const auto right = sys::Attached::at(netns);
  const auto owner =
      right ? netfilter::find_gate(netns) : Result<std::optional<netfilter::Owner>>();
  if (!owner || !*owner || (*owner)->alive()) return;
  if (auto removed = remove_gate_and_firewalls(netns)) {
    log::info("removed what the nxgate with pid {} left in {}", (*owner)->pid, netns.text());
  } else {
    log::warning("{}", removed.error().message);
  }
}

void remove_all_stale_tables(const std::set<std::uint64_t>& spared) {
  for (const auto& [identity, netns] : all_namespaces()) {
    if (!spared.contains(identity)) remove_stale_tables(netns);
  }
}

std::set<std::uint64_t> taken_over(const Subjects& subjects, const std::string& directory) {
  std::set<std::uint64_t> spared;
  const auto spare = [&spared](const sys::NetnsRef& netns) {
    if (const auto identity = netns.identity()) spared.insert(*identity);
  };
  for (const Subject& each : subjects.namespaces) spare(each.netns);
  for (const Followed& each : subjects.containers) {
    spare(containers::netns_of(each.found(), directory));
  }
  if (subjects.watches_all()) {
    for (const sys::NetnsRef& each : containers::namespaces_in(directory)) spare(each);
  }
  return spared;
}

std::vector<store::StandingFault> find_left_closed(const std::set<std::uint64_t>& spared) {
  Namespaces found = all_namespaces();
  add_files_of(found, "/var/run/docker/netns");
  const auto own = sys::NetnsRef().identity();
  std::vector<store::StandingFault> faults;
  std::size_t more = 0;
  for (const auto& [identity, netns] : found) {
    if (spared.contains(identity)) continue;
    const auto left = stale_tables_in(netns);
    if (!left) continue;
    if (faults.size() == kMostTold) {
      ++more;
      continue;
    }
    faults.push_back({store::FaultSource::kLeftClosed, described(netns, identity == own, *left)});
  }
  if (more > 0) {
    faults.push_back({store::FaultSource::kLeftClosed,
                      fmt::format("{} more network namespaces were left closed", more)});
  }
  return faults;
}

}  // namespace nxgate::attach
