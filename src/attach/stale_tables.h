// Gates and firewalls that an earlier nxgate left in place when it ended.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "attach/subjects.h"
#include "base/error.h"
#include "store/standing_fault.h"
#include "sys/netns.h"

namespace nxgate::attach {

/// Removes the gate and firewall of dead nxgates, and returns whether there was a firewall.
[[nodiscard]] Result<bool> remove_gate_and_firewalls(const sys::NetnsRef& netns);

/// The same for an operator, who knows the namespace by `label`: whether there was anything. Fails
/// if a nxgate that runs holds it.
[[nodiscard]] Result<bool> remove_dead(const std::string& label, const sys::NetnsRef& netns);

/// Removes gate and firewall of a namespace that may be attached (sys/attached.h) and whose nxgate
/// is dead, and logs it. Needs the same rights as attaching.
void remove_stale_tables(const sys::NetnsRef& netns);

/// The same for the namespaces of all processes and those in /run/netns, but for `spared`
/// (sys::NetnsRef::identity).
void remove_all_stale_tables(const std::set<std::uint64_t>& spared);

/// What dead nxgates left closed in our own namespace, in those of all processes and in those with
/// a name in /run/netns or in Docker's directory, but for `spared`; it is for the operator to open.
/// As much as can be read: it takes the rights of a start as root. Some hundred microseconds a
/// namespace.
[[nodiscard]] std::vector<store::StandingFault> find_left_closed(
    const std::set<std::uint64_t>& spared);

/// The namespaces that a server with these subjects takes over by itself, or opens: the engine's,
/// which it keeps in `directory`, if all containers are watched.
[[nodiscard]] std::set<std::uint64_t> taken_over(const Subjects& subjects,
                                                 const std::string& directory);

}  // namespace nxgate::attach
