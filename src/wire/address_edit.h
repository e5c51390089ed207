// The addresses that a reply leads to, and what must not be among them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"

namespace nxgate::wire {

/// What a reply leads its client to.
struct FoundAddress {
  IpAddress address;
  std::uint32_t ttl = 0;  ///< as the client is told, seconds
};

struct AddressEdit {
  std::span<const Prefix> never;           ///< addresses in these are cut out
  bool strip_hints = false;                ///< ipv4hint and ipv6hint of SVCB and HTTPS (RFC 9460)
  bool strip_ech = false;                  ///< their key `ech`
  std::uint32_t largest_ttl = UINT32_MAX;  ///< seconds; larger ones of answers are lowered
};

struct EditedReply {
  std::size_t size = 0;   ///< of the message from now on; 0: malformed, nothing may be sent
  std::uint16_t cut = 0;  ///< addresses taken out
};

/// Whether `address`, or an IPv4 address that it embeds (mapped, compatible, 6to4, NAT64), lies in
/// one of `ranges`.
[[nodiscard]] bool leads_into(const IpAddress& address, std::span<const Prefix> ranges) noexcept;

/// Edits a whole reply of ours in place. `found` gets the addresses of its answers that are left,
/// those of A, AAAA and of hints. A record whose address is cut goes as a whole, and so do
/// signatures over what was changed.
[[nodiscard]] EditedReply edit_addresses(MutableBytes message, const AddressEdit& edit,
                                         std::vector<FoundAddress>& found);

}  // namespace nxgate::wire
