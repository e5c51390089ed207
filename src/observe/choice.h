// Which answered questions and connections are written down, be it as lines or by dnstap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "base/keyed_hash.h"
#include "engine/observer.h"
#include "observe/hub.h"
#include "wire/name.h"

namespace nxgate::observe {

enum class LoggedQueries : std::uint8_t {
  kAll,
  kDenied,
  kFirstSeen,  ///< the first question of a client for a name, as far as memory reaches, and
               ///< its first connection there that is opened, fails or is denied
};

struct ChoiceOptions {
  LoggedQueries which = LoggedQueries::kAll;
  std::uint32_t sample = 1;            ///< one in so many; of a connection all or nothing
  std::vector<wire::DomainName> skip;  ///< names that are left out, each with all below it
};

/// Chooses from the events of one tap. One thread.
class Choice {
 public:
  explicit Choice(ChoiceOptions options);

  /// What can be said of an event alone, on the workers' threads.
  [[nodiscard]] static Filter filter(const ChoiceOptions& options);
  /// Whether an event that the filter let through is wanted; it counts as seen.
  [[nodiscard]] bool takes(const engine::Event& event);
  /// By a key of this object's own.
  [[nodiscard]] std::uint64_t hash(std::string_view text) const noexcept { return hash_(text); }

 private:
  /// Then all are forgotten, and names count as new again.
  static constexpr std::size_t kMostSeen = 1U << 18;

  [[nodiscard]] bool first_seen(const engine::Event& event);

  ChoiceOptions options_;
  std::uint64_t count_ = 0;
  KeyedHash hash_;
  boost::unordered_flat_set<std::uint64_t> seen_;
};

}  // namespace nxgate::observe
