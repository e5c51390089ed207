// A policy as it is enforced, and which client gets which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "policy/egress.h"
#include "policy/exfiltration.h"
#include "policy/grants.h"
#include "policy/local_data.h"
#include "policy/matcher.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::policy {

/// What a denied client gets.
enum class DenyReply : std::uint8_t { kNxDomain = 0, kNoData, kRefused, kDrop, kAddress };

/// What a client gets when no upstream answers and nothing stale is there.
enum class FailureReply : std::uint8_t { kServFail = 0, kNxDomain };

/// Who shares answers in the cache: everybody, the clients of one policy, or nobody.
enum class CacheScope : std::uint8_t { kShared, kPolicy, kClient };

/// The names of an attached container's networks, as its own resolver would answer them.
struct Neighbours {
  explicit Neighbours(LocalData names)
      : data(std::move(names)), matcher(RuleSet(), data.names(), {}) {}

  LocalData data;
  Matcher matcher;  ///< says what is such a name, and what lies above one
};

/// One policy, immutable once it is in a PolicySet; only `grants` changes, and guards itself.
/// A copy shares the tables.
struct Policy {
  std::string name;
  std::size_t rules = 0;  ///< that the operator wrote
  std::uint8_t slot = 0;  ///< where it is counted; a name keeps its own through reloads
  DenyReply deny = DenyReply::kNxDomain;
  /// For DenyReply::kAddress: what A and AAAA questions get; unset ones get NODATA.
  std::optional<IpAddress> deny_v4;
  std::optional<IpAddress> deny_v6;
  std::uint32_t negative_ttl = 10;  ///< seconds
  FailureReply on_upstream_failure = FailureReply::kServFail;
  std::vector<wire::Type> suppressed_types;
  std::uint16_t upstream = 0;  ///< group of names without a route
  std::vector<Route> routes;
  std::shared_ptr<const LocalData> local;
  std::shared_ptr<const Matcher> matcher;
  std::shared_ptr<Grants> grants;
  bool service_targets = true;  ///< what services of allowed names lead to is granted

  std::shared_ptr<const Exfiltration> exfiltration;  ///< null for no limit
  std::shared_ptr<const Egress> egress;              ///< null where no firewall is wanted
  std::shared_ptr<EgressSets> sets;                  ///< null where there is none

  std::uint64_t cache_part = 0;   ///< in which its clients find answers; 0 for everybody's
  bool cache_by_address = false;  ///< each client has a part of that by itself

  // Of one attached container, if anything.
  std::string container;                     ///< its name, for the operator
  std::string budget_key;                    ///< by what it is counted; outlives its namespace
  std::shared_ptr<const Matcher> narrowing;  ///< allows only what this allows as well
  /// And what each of these allows: others in the same namespace have them.
  std::vector<std::shared_ptr<const Matcher>> others;
  std::shared_ptr<const Neighbours> neighbours;

  /// The rules of the policy that `egress` is from, if that is one of `others`.
  std::shared_ptr<const Matcher> egress_rules;

  /// What its firewall opens for an allowed name: the ports of its rule, else its own, as far as
  /// each rule agrees that allows the name. Empty for any; nothing if they have none in common.
  [[nodiscard]] std::optional<Ports> ports_of(const wire::SuffixHashes& hashes) const;
  /// Those of `ports` that no rule which allows the name excludes.
  [[nodiscard]] Ports agreed_ports(const wire::SuffixHashes& hashes, Ports ports) const;
  /// The same for a name that matched, where nothing narrows the policy. Only where there is one.
  [[nodiscard]] const Ports& ports_of(const Match& match) const noexcept {
    const Ports* const own = matcher->ports_of(match);
    return own != nullptr ? *own : egress->ports;
  }
};

/// Every policy of one configuration, and the clients' prefixes.
class PolicySet {
 public:
  static constexpr std::uint16_t kNone = UINT16_MAX;

  struct ClientRange {
    Prefix prefix;
    std::uint16_t policy = kNone;
  };

  using Policies = std::vector<std::shared_ptr<const Policy>>;
  /// So that keys are found by text of any kind.
  struct KeyHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  /// By what its listeners call it.
  using Attached = boost::unordered_flat_map<std::string, std::shared_ptr<const Policy>, KeyHash,
                                             std::equal_to<>>;

  /// `fallback` is for clients in no range: the policy named `default`, or kNone.
  PolicySet(Policies policies, std::vector<ClientRange> clients, std::uint16_t fallback,
            Attached attached = {});

  /// The policy of a client: its longest matching range, else the fallback; null when nothing
  /// covers it (such a client is answered Prohibited).
  [[nodiscard]] const Policy* select(const IpAddress& client) const noexcept;
  /// The policy that a listener names outright, an attached container's or another; null when there
  /// is none (any more).
  [[nodiscard]] const Policy* find(std::string_view name) const noexcept;

  [[nodiscard]] const Policies& all() const noexcept { return policies_; }

  /// The same clients with these policies, of the same names in the same order.
  [[nodiscard]] PolicySet replaced(Policies policies) const;
  /// The same policies and clients with other attached containers.
  [[nodiscard]] PolicySet with(Attached attached) const;

 private:
  Policies policies_;
  /// Those of one length and family stand together, in order of their addresses; longest first.
  std::vector<ClientRange> clients_;
  std::vector<std::size_t> ends_;  ///< where each such group ends
  std::uint16_t fallback_;
  Attached attached_;
};

}  // namespace nxgate::policy
