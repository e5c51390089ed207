// A proposal for programs.
#pragma once

#include <boost/json/value.hpp>

#include "learn/proposal.h"

namespace nxgate::learn {

/// Everything in it; times are seconds since 1970.
[[nodiscard]] boost::json::value to_json(const Proposal& proposal);

}  // namespace nxgate::learn
