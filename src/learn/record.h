// What clients asked for under a policy that learns, within bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::learn {

/// What upstream said of a name. Of several answers the greatest counts.
enum class Existence : std::uint8_t {
  kFailed = 0,  ///< no answer, or one that tells nothing of the name (SERVFAIL)
  kMissing,     ///< NXDOMAIN
  kExists,      ///< NOERROR, with or without records
};

/// A question that was answered. Times are seconds since 1970, UTC.
struct Observation {
  wire::DomainName name;
  wire::Type type{};
  Existence outcome{};
  std::string_view client;  ///< as the operator should read it: an address, a container
  std::int64_t when = 0;
};

/// All that is kept of one name.
struct Sighting {
  std::uint64_t count = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;
  Existence outcome{};
  std::vector<wire::Type> types;       ///< ascending
  std::vector<std::uint32_t> clients;  ///< numbers for Record::client, ascending
  std::uint64_t from_others = 0;       ///< queries by clients that found no room in `clients`
  Ports ports;                         ///< ascending; connections to its addresses

  bool operator==(const Sighting&) const = default;
};

/// What was observed under one policy. It never holds more than the numbers below, so that no
/// client can make it grow: names that never existed get half of the room at most. One thread.
class Record {
 public:
  static constexpr std::size_t kMostNames = 65'536;
  static constexpr std::size_t kMostNonexistent = kMostNames / 2;
  static constexpr std::size_t kMostClients = 4'096;
  static constexpr std::size_t kMostClientsOfName = 64;
  static constexpr std::size_t kMostTypes = 16;
  static constexpr std::size_t kMostPorts = 16;
  static constexpr std::size_t kLongestText = 128;  ///< of a policy or a client
  /// The last second of the year 9999; later times, and those before 1970, are moved to the edge.
  static constexpr std::int64_t kLatest = 253'402'300'799;

  Record(std::string_view policy, std::int64_t started);

  /// Amortised constant time.
  void add(const Observation& observation);
  /// A connection to an address of `name`, by TCP or UDP; of a name that isn't here it is ignored.
  void add_port(const wire::DomainName& name, Port port);

  /// Learning ends, or goes on.
  void stop(std::int64_t when);
  void resume() noexcept { stopped_.reset(); }

  [[nodiscard]] const std::string& policy() const noexcept { return policy_; }
  [[nodiscard]] std::int64_t started() const noexcept { return started_; }
  /// Empty as long as it learns.
  [[nodiscard]] std::optional<std::int64_t> stopped() const noexcept { return stopped_; }
  [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
  [[nodiscard]] const std::vector<std::string>& clients() const noexcept { return clients_; }
  /// Queries for names that found no room.
  [[nodiscard]] std::uint64_t overflowed() const noexcept { return overflowed_; }
  [[nodiscard]] const Sighting* find(const wire::DomainName& name) const;

  /// The names and what is known of them, in root-first order. Valid until the record changes.
  struct Named {
    wire::DomainName name;
    const Sighting* sighting;
  };
  [[nodiscard]] std::vector<Named> names() const;

 private:
  friend Result<Record> record_from_json(std::string_view text);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view bytes) const noexcept;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view one, std::string_view other) const noexcept {
      return one == other;
    }
  };
  template <class Value>
  using Table = boost::unordered_flat_map<std::string, Value, Hash, Equal>;

  Sighting* place_for(const wire::DomainName& name, Existence outcome);
  /// False if the name is there already or there is no room.
  bool restore(const wire::DomainName& name, Sighting sighting);
  std::optional<std::uint32_t> number_of(std::string_view client);

  std::string policy_;
  std::int64_t started_;
  std::optional<std::int64_t> stopped_;
  Table<Sighting> names_;  ///< by wire form
  std::size_t nonexistent_ = 0;
  std::vector<std::string> clients_;
  Table<std::uint32_t> numbers_;  ///< of clients
  std::uint64_t overflowed_ = 0;
};

/// Readable ASCII and nothing else, cut to kLongestText: it will stand in JSON and in comments of a
/// list, where the end of a line would let a client write a rule.
[[nodiscard]] std::string plain_text(std::string_view text);

}  // namespace nxgate::learn
