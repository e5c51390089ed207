#include "containers/container.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/core.h>

namespace nxgate::containers {

bool is_container_id(std::string_view text) {
  return text.size() == kIdLength && std::ranges::all_of(text, [](char digit) {
           return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
         });
}

std::string Container::power_to_undo() const {
  if (privileged) return "is privileged";
  for (const char* const power : {"ALL", "SYS_ADMIN", "NET_ADMIN"}) {
    if (std::ranges::find(added_capabilities, power) != added_capabilities.end()) {
      return fmt::format("has {}", power);
    }
  }
  return {};
}

std::string Container::label(const std::string& key) const {
  const auto found = labels.find(key);
  return found == labels.end() ? std::string() : found->second;
}

std::string Container::namespace_owner() const {
  constexpr std::string_view kMember = "container:";
  return network_mode.starts_with(kMember) ? network_mode.substr(kMember.size()) : std::string();
}

LabelKeys with_compose(LabelKeys labels) {
  labels.insert({kProjectLabel, kServiceLabel, kComposeImageLabel, kStackLabel});
  return labels;
}

}  // namespace nxgate::containers
