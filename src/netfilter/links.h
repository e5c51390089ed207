// The links of a network namespace, and the networks behind them.
#pragma once

#include <cstdint>
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

/// The networks of their addresses, sorted; none if the namespace can't be asked.
[[nodiscard]] std::vector<Prefix> networks_of(const sys::NetnsRef& netns);

}  // namespace nxgate::netfilter
