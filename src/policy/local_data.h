// Answers that nxgate owns: hosts files and the policy's own records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "policy/matcher.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::policy {

/// The TTL of local data unless its record says otherwise.
inline constexpr std::uint32_t kLocalTtl = 60;

struct LocalRecord {
  wire::Type type{};
  std::uint32_t ttl = kLocalTtl;
  std::vector<std::uint8_t> rdata;  ///< wire form, names uncompressed

  bool operator==(const LocalRecord&) const = default;
};

/// Records by owner. Built by one thread, then immutable and read by any.
class LocalData {
 public:
  /// `hash_key` must be that of the hashes given to `find`.
  explicit LocalData(std::uint64_t hash_key) : hash_key_(hash_key) {}

  /// Adds a record unless an equal one is there.
  void add(const wire::DomainName& owner, bool wildcard, LocalRecord record);

  /// A name that exists, if only without a record.
  void add_owner(const wire::DomainName& name, bool wildcard);

  /// A, AAAA records of the name and a PTR of the address, as a hosts line means them. The first
  /// name given to an address is the one its PTR tells; 0.0.0.0 and ::, with which hosts files
  /// block names, have none.
  void add_host(const IpAddress& address, const wire::DomainName& name);

  /// Every record of the owner that answers `name`: the exact one, else the closest wildcard above.
  /// Empty if there is none. Allocates nothing.
  [[nodiscard]] std::span<const LocalRecord> find(const wire::SuffixHashes& hashes) const noexcept;

  /// Whether records were added for this very owner.
  [[nodiscard]] bool owns(const wire::DomainName& owner, bool wildcard) const noexcept;

  /// The owners, for the matcher.
  [[nodiscard]] std::vector<Matcher::LocalName> names() const;
  [[nodiscard]] std::size_t size() const noexcept { return owners_.size(); }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Owner {
    std::uint32_t name_at = 0;  ///< in names_
    std::uint8_t name_size = 0;
    bool wildcard = false;
    bool has_pointer = false;    ///< some record is a PTR
    std::uint32_t next = kNone;  ///< another owner with the same hash
    std::vector<LocalRecord> records;
  };

  [[nodiscard]] Bytes name_of(const Owner& owner) const noexcept {
    return Bytes(names_).subspan(owner.name_at, owner.name_size);
  }
  [[nodiscard]] std::uint32_t find_owner(Bytes name, std::uint64_t hash,
                                         bool wildcard) const noexcept;
  Owner& make_owner(const wire::DomainName& name, bool wildcard);
  void add(Owner& owner, LocalRecord record);
  /// Whether the owner has it; one that hasn't must be added next.
  [[nodiscard]] bool knows(const Owner& owner, const LocalRecord& record);

  std::uint64_t hash_key_;
  std::vector<Owner> owners_;
  std::vector<std::uint8_t> names_;  ///< wire form, one behind the other
  /// From the hash of the name (its complement for a wildcard) to the newest owner that has it.
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> index_;
  /// Where records of owners with many of them stand there, by the hash of owner and record.
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> places_;
};

/// The name under which an address is looked up (RFC 1035 section 3.5, RFC 3596 section 2.5).
[[nodiscard]] wire::DomainName reverse_name(const IpAddress& address);

/// A record of the configuration.
struct ParsedRecord {
  wire::DomainName owner;
  bool wildcard = false;
  LocalRecord record;
};

/// Reads one record in zone-file style: `OWNER [TTL] [IN] TYPE RDATA`, for A, AAAA, CNAME, DNAME,
/// TXT, PTR, NS, SRV, MX and CAA, and every other type in RFC 3597 form, `\# LENGTH HEX`. `*.name`
/// as OWNER is a wildcard. Names are absolute with or without the last dot. A TTL is a number of
/// seconds or a duration (`1h`).
[[nodiscard]] Result<ParsedRecord> parse_record(std::string_view text);

/// Reads hosts(5) text into `data`: address, names, # comments. Names that are no domain names are
/// faults; the lines around them still count, up to kMostFaults. Scoped addresses (`fe80::1%lo0`)
/// are passed over.
[[nodiscard]] Faults parse_hosts(std::string_view text, std::string_view file, LocalData& data);

}  // namespace nxgate::policy
