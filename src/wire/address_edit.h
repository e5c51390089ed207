// The addresses that a reply leads its client to: found, and cut where a policy says never.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "wire/types.h"

namespace nxgate::wire {

/// What a reply leads its client to.
struct FoundAddress {
  IpAddress address;      ///< an IPv4-mapped one as IPv4, since that is where Linux sends it
  std::uint32_t ttl = 0;  ///< in seconds, as the client is shown it

  bool operator==(const FoundAddress&) const = default;
};

struct AddressEdit {
  std::span<const Prefix> never;            ///< addresses in these are cut out
  bool never_private = false;               ///< and private ones (base/special_addresses.h)
  bool strip_hints = false;                 ///< ipv4hint and ipv6hint of SVCB and HTTPS
  bool strip_ech = false;                   ///< ech of the same
  std::uint32_t largest_ttl = kLargestTtl;  ///< in seconds; larger ones of answers are lowered
};

struct EditedReply {
  std::size_t size = 0;   ///< of the message afterwards; 0: malformed, nothing may be sent
  std::uint16_t cut = 0;  ///< addresses taken out by `is_never`
};

/// Whether `address`, or an IPv4 address embedded in it, is one that is cut out.
[[nodiscard]] bool is_never(const IpAddress& address, const AddressEdit& edit) noexcept;

/// Edits a finished reply in place and collects in `found`, emptied first, the addresses that stay.
///
/// Looked at are the records of class IN in the answer section: A, AAAA, and the hints of SVCB and
/// HTTPS (RFC 9460 section 7.3). An address is cut if `is_never` says so. An A or AAAA goes as a
/// whole, a hint goes when none of its addresses is left, and a key that goes is no longer
/// `mandatory`. RRSIGs of a type of which anything was cut or stripped go too. Everything behind
/// moves up, counts and RDLENGTHs are made right.
///
/// `message` is one that ReplyWriter made, with one question: each owner is a whole name, or a
/// pointer to one that stands in front of its record and of the first record that was edited.
/// Anything else is malformed, as are SvcParams out of order; then `found` is empty and the message
/// half edited. One pass if nothing goes, else two; no heap but that of `found`.
[[nodiscard]] EditedReply edit_addresses(MutableBytes message, const AddressEdit& edit,
                                         std::vector<FoundAddress>& found);

}  // namespace nxgate::wire
