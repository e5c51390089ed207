// A policy as it is enforced, and which client gets which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "policy/grants.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "wire/types.h"

namespace nxgate::policy {

/// What a denied client gets.
enum class DenyReply : std::uint8_t { kNxDomain = 0, kNoData, kRefused, kDrop, kAddress };

/// What a client gets when no upstream answers and nothing stale is there.
enum class FailureReply : std::uint8_t { kServFail = 0, kNxDomain };

/// One policy, immutable once it is in a PolicySet; only `grants` changes, and guards itself.
struct Policy {
  std::string name;
  DenyReply deny = DenyReply::kNxDomain;
  /// For DenyReply::kAddress: what A and AAAA questions get; unset ones get NODATA.
  std::optional<IpAddress> deny_v4;
  std::optional<IpAddress> deny_v6;
  std::uint32_t negative_ttl = 10;  ///< seconds
  FailureReply on_upstream_failure = FailureReply::kServFail;
  std::vector<wire::Type> suppressed_types;
  std::uint16_t upstream = 0;  ///< group of names without a route
  std::vector<Route> routes;
  std::unique_ptr<const LocalData> local;
  std::unique_ptr<const Matcher> matcher;
  std::unique_ptr<Grants> grants;
};

/// Every policy of one configuration, and the clients' prefixes.
class PolicySet {
 public:
  static constexpr std::uint16_t kNone = UINT16_MAX;

  struct ClientRange {
    Prefix prefix;
    std::uint16_t policy = kNone;
  };

  /// `fallback` is for clients in no range: the policy named `default`, or kNone.
  PolicySet(std::vector<std::unique_ptr<const Policy>> policies, std::vector<ClientRange> clients,
            std::uint16_t fallback);

  /// The policy of a client: its longest matching range, else the fallback; null when nothing
  /// covers it (such a client is answered Prohibited).
  [[nodiscard]] const Policy* select(const IpAddress& client) const noexcept;
  /// The policy a listener names outright.
  [[nodiscard]] const Policy& at(std::uint16_t index) const { return *policies_[index]; }
  [[nodiscard]] std::optional<std::uint16_t> index_of(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return policies_.size(); }

 private:
  std::vector<std::unique_ptr<const Policy>> policies_;
  std::vector<ClientRange> clients_;  // longest prefix first
  std::uint16_t fallback_;
};

}  // namespace nxgate::policy
