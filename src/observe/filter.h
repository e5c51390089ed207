// Which answered questions and connections somebody wants to see.
#pragma once

#include <optional>
#include <string>

#include "base/address.h"
#include "base/error.h"
#include "engine/observer.h"
#include "observe/hub.h"
#include "wire/name.h"

namespace nxgate::observe {

struct Selection {
  bool denied = false;                   ///< only refused names and connections
  std::optional<Prefix> clients;         ///< by address
  std::string container;                 ///< by the name of an attached container
  std::string policy;                    ///< by the policy's name
  std::optional<wire::DomainName> name;  ///< at or below it
};

/// `web`, `10.0.0.7` or `10.0.0.0/8` into what `--client` says.
void select_client(Selection& selection, const std::string& text);

[[nodiscard]] Filter filter_of(Selection selection);

}  // namespace nxgate::observe
