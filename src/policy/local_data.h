// Answers that nxgate owns: hosts files and the policy's own records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
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
  /// Adds a record unless an equal one is there.
  void add(const wire::DomainName& owner, bool wildcard, LocalRecord record);

  /// A, AAAA records of the name and a PTR of the address, as a hosts line means them. The first
  /// name given to an address is the one its PTR tells.
  void add_host(const IpAddress& address, const wire::DomainName& name);

  /// Every record of the owner that answers `name`: the exact one, else the closest wildcard above.
  /// Empty if there is none.
  [[nodiscard]] std::span<const LocalRecord> find(const wire::SuffixHashes& hashes) const noexcept;

  /// The owners, for the matcher.
  [[nodiscard]] std::vector<Matcher::LocalName> names() const;
  [[nodiscard]] std::size_t size() const noexcept { return owners_.size(); }

  explicit LocalData(std::uint64_t hash_key) : hash_key_(hash_key) {}

 private:
  struct Owner {
    wire::DomainName name;
    bool wildcard = false;
    std::vector<LocalRecord> records;
  };

  Owner* find_owner(const wire::DomainName& name, bool wildcard);

  std::uint64_t hash_key_;
  std::vector<Owner> owners_;
  /// From the hash of the name (its complement for a wildcard) to the index of its owner.
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> index_;
};

/// The name under which an address is looked up (RFC 1035 section 3.5, RFC 3596 section 2.5).
[[nodiscard]] wire::DomainName reverse_name(const IpAddress& address);

/// Reads one record in zone-file style: `OWNER [TTL] [IN] TYPE RDATA`, for A, AAAA, CNAME, TXT, PTR,
/// SRV, MX, CAA, HTTPS and SVCB (the last two in RFC 3597 form), and any type as `TYPEnnn \# LEN HEX`.
/// `*.name` as OWNER is a wildcard.
struct ParsedRecord {
  wire::DomainName owner;
  bool wildcard = false;
  LocalRecord record;
};
[[nodiscard]] Result<ParsedRecord> parse_record(std::string_view text);

/// Reads hosts(5) text into `data`: address, names, # comments. Names that are no domain names are
/// faults; the lines around them still count.
[[nodiscard]] Faults parse_hosts(std::string_view text, std::string_view file, LocalData& data);

/// Reads list text: one rule a line, blank lines, # comments (also behind a rule).
[[nodiscard]] Faults parse_list(std::string_view text, std::string_view file, Action action,
                                std::vector<Rule>& rules);

}  // namespace nxgate::policy
