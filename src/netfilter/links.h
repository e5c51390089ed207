// The links of a network namespace, and the networks behind them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "sys/netns.h"

namespace nxgate::netfilter {

struct Link {
  std::uint32_t index = 0;
  std::string name;
  bool up = false;
};

/// All of them, lo as well.
[[nodiscard]] Result<std::vector<Link>> all_links_of(const sys::NetnsRef& netns);

/// Brings up lo if it is down, by which the kernel gives it 127.0.0.1 and ::1. Takes CAP_NET_ADMIN.
/// The result says whether it was down.
[[nodiscard]] Result<bool> bring_up_lo(const sys::NetnsRef& netns);

/// The names of all but lo; none if the namespace can't be asked.
[[nodiscard]] std::vector<std::string> links_of(const sys::NetnsRef& netns);

/// The networks of their addresses, sorted.
struct Networks {
  std::vector<Prefix> all;
  /// Without those of IPv6 whose addresses have an end: a router's advertisement makes such ones,
  /// and who advertises isn't known.
  std::vector<Prefix> lasting;

  bool operator==(const Networks&) const = default;
};

/// None if the namespace can't be asked.
[[nodiscard]] Networks networks_of(const sys::NetnsRef& netns);

/// The links behind which addresses of some ranges are.
struct ClientLinks {
  std::vector<std::string> theirs;
  /// Those that a default route uses as well: what comes in by them may have any source.
  std::vector<std::string> shared;

  bool operator==(const ClientLinks&) const = default;
};

/// By the routes of the namespace, of which all are read: of a table of a million that takes a
/// second. Sorted; none if the namespace can't be asked.
[[nodiscard]] ClientLinks links_towards(const sys::NetnsRef& netns, std::span<const Prefix> ranges);

}  // namespace nxgate::netfilter
