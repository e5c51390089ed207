// An answered question as a message of dnstap (https://dnstap.info).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/observer.h"

namespace nxgate::observe {

/// The two messages that an event becomes. Both have the time of the query, its bytes, and what the
/// policy said.
enum class DnstapMessage : std::uint8_t { kClientQuery, kClientResponse };

/// What every message says of the server, and what none says of a client.
struct DnstapLabels {
  std::string identity;
  std::string version;
  bool hide_clients = false;  ///< no address, no port, no container's name
};

/// Appends the message to `frames` and returns its length in bytes. The event must have come with
/// its messages; without a reply there is no kClientResponse of it.
std::size_t append_frame(const engine::Event& event, DnstapMessage which,
                         const DnstapLabels& labels, std::vector<std::uint8_t>& frames);

}  // namespace nxgate::observe
