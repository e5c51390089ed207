// What runs and isn't attached, and why.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nxgate::attach {

enum class WhyUnattached : std::uint8_t {
  kEngine = 0,   ///< the engine doesn't tell what runs
  kFailed,       ///< attaching failed
  kPending,      ///< it is being attached
  kNotRunning,   ///< it was named on the command line and doesn't run
  kNoNamespace,  ///< its process or its namespace isn't visible from here
  kHostNetwork,  ///< its network is the host's or the engine's own, which is never changed
  kUnmatched,    ///< no rule or label selects it
  kLeftClosed,   ///< nor that, but it shared its namespace with one that has ended
  kNotNamed,     ///< `nxgate attach` names others
  kUndescribed,  ///< the engine doesn't describe it, or the namespace's owner isn't known
  kBuild,        ///< a BuildKit build step
};

/// The words by which metrics and the control socket know them, in that order.
inline constexpr std::array<std::string_view, 11> kWhyUnattached{
    "engine",    "failed",      "pending",   "not-running", "no-namespace", "host-network",
    "unmatched", "left-closed", "not-named", "undescribed", "build",
};

[[nodiscard]] constexpr std::string_view word_of(WhyUnattached why) noexcept {
  return kWhyUnattached[static_cast<std::size_t>(why)];
}

/// A container or namespace without an attachment.
struct Unattached {
  std::string label;  ///< as the operator knows it, see Subject
  std::string netns;  ///< `net:[4026532008]`; empty if it isn't known
  WhyUnattached why = WhyUnattached::kFailed;
  std::string reason;  ///< in words: `it uses the host's own network`
  bool wanted = true;  ///< it should be attached: `health` fails; false: intentionally not attached

  bool operator==(const Unattached&) const = default;
};

/// All of them as they are now; what is new is logged, once. Main thread.
class UnattachedList {
 public:
  void set(std::vector<Unattached> all);
  [[nodiscard]] const std::vector<Unattached>& all() const noexcept { return all_; }

 private:
  std::vector<Unattached> all_;
};

/// `0 of 1 attached; web: it doesn't run`, if one should be attached and isn't; else
/// empty.
[[nodiscard]] std::string shortfall(std::size_t attached, const std::vector<Unattached>& all);

}  // namespace nxgate::attach
