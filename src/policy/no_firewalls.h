// For tests without a firewall.
#pragma once

#include <memory>
#include <string>

#include "policy/egress.h"

namespace nxgate::policy {

class NoFirewalls final : public EgressRegistry {
 public:
  std::shared_ptr<EgressSets> sets_of(const std::string&) override { return nullptr; }
};

}  // namespace nxgate::policy
