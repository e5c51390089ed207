// Persistent faults of a running server.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nxgate::store {

/// Where such a fault comes from.
enum class FaultSource : std::uint8_t {
  kReload,
  kSavedRules,
  kLearning,
  kAttachment,
  kFirewall,
  kFiles,
  kLeftClosed,
  kState
};
inline constexpr std::array<std::string_view, 8> kFaultSources{
    "reload", "saved rules", "learning", "attachment", "firewall", "files", "left closed", "state"};

/// A fault that lasts until it is fixed. It is logged when it begins, and shown in `status`,
/// `health` and metrics as long as it lasts.
struct StandingFault {
  FaultSource source{};
  std::string text;

  [[nodiscard]] std::string_view source_name() const noexcept {
    return kFaultSources[static_cast<std::size_t>(source)];
  }
};

}  // namespace nxgate::store
