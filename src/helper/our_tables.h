// What nxgate's tables of nf_tables are called and hold, for whoever has to refuse all else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nxgate::helper {

/// Where a base chain is hooked in.
struct OurHook {
  std::string_view type;  ///< "filter", "nat"
  std::uint32_t number;   ///< NF_INET_LOCAL_OUT ...
  std::int32_t priority;

  bool operator==(const OurHook&) const = default;
};

/// What a rule does with a packet besides judging it, which only some chains may.
struct RuleEffects {
  bool writes_port = false;        ///< into the packet
  bool redirects_to_port = false;  ///< another than the packet's own
};

/// Whose namespace is changed.
enum class Place : std::uint8_t {
  kAttached = 0,  ///< a container's: gate and firewall
  kHost,          ///< the helper's own: firewalls for clients
};

/// Follows what one transaction says of tables, chains, rules and sets, in its order. Each call
/// returns whether that may be: all is about one table's name of ours, base chains stand where ours
/// do, rules come only into chains that the transaction empties, and there is a bound to all. So
/// what a namespace holds of ours is bounded as well.
class OurTransaction {
 public:
  /// Far more than a configuration needs: each of its ranges takes up to two, for the firewall and
  /// for its redirects (netfilter::Firewall refuses more of them than a quarter of this).
  static constexpr std::size_t kMostRules = 65536;
  static constexpr std::size_t kMostElements = 131072;

  explicit OurTransaction(Place place) noexcept : place_(place) {}

  [[nodiscard]] bool table(std::uint8_t family, std::string_view name) noexcept;
  // After `table`, for what is in it.
  void empty_table(std::uint8_t family) noexcept;
  [[nodiscard]] bool chain(std::uint8_t family, std::string_view name,
                           const std::optional<OurHook>& hook) noexcept;
  [[nodiscard]] bool empty_chain(std::uint8_t family, std::string_view name) noexcept;
  [[nodiscard]] bool rule(std::uint8_t family, std::string_view chain,
                          const RuleEffects& effects) noexcept;
  [[nodiscard]] bool set(std::string_view name, std::uint32_t size) const noexcept;
  [[nodiscard]] bool elements(std::string_view set, std::size_t count) noexcept;

 private:
  Place place_;
  std::string_view name_;      ///< of the table, once it is known
  std::uint64_t emptied_ = 0;  ///< chains, a bit each
  std::size_t rules_ = 0;
  std::size_t elements_ = 0;
};

}  // namespace nxgate::helper
