// The links of a network namespace, and the networks behind them.
#pragma once

#include <string>
#include <vector>

#include "base/address.h"
#include "sys/netns.h"

namespace nxgate::netfilter {

/// The names of all but lo; none if the namespace can't be asked.
[[nodiscard]] std::vector<std::string> links_of(const sys::NetnsRef& netns);

/// The networks of their addresses, sorted; none if the namespace can't be asked.
[[nodiscard]] std::vector<Prefix> networks_of(const sys::NetnsRef& netns);

}  // namespace nxgate::netfilter
