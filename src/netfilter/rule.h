// The nf_tables expressions that nxgate's rules are made of.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/bytes.h"
#include "netfilter/messages.h"

namespace nxgate::netfilter {

/// A table of family inet or netdev, and one of its chains.
struct Chain {
  std::uint8_t family;  ///< NFPROTO_INET, NFPROTO_NETDEV
  std::string_view table;
  std::string_view name;
};

/// The header of every nf_tables message.
[[nodiscard]] Messages::Open nft_message(Messages& messages, std::uint16_t type,
                                         std::uint16_t flags, std::uint8_t family);

/// One rule, appended to its chain: conditions that must all hold, then what is done. Written by
/// the destructor.
class Rule {
 public:
  Rule(Messages& messages, const Chain& chain);

  Rule& family(std::uint8_t nfproto);     ///< NFPROTO_IPV4, NFPROTO_IPV6
  Rule& protocol(std::uint8_t protocol);  ///< IPPROTO_UDP, IPPROTO_TCP
  Rule& to_port(std::uint16_t port);      ///< of UDP and TCP
  Rule& to_address(Bytes ipv4);
  Rule& out_of(std::string_view interface);
  /// RTN_LOCAL, RTN_UNICAST: what the destination is to the namespace's routing table.
  Rule& destination_is(std::uint32_t type);
  Rule& destination_is_not(std::uint32_t type);

  void redirect(std::uint16_t port);  ///< to this port of the loopback address
  void reset();                       ///< TCP RST
  void reject(std::uint8_t code);     ///< ICMP or ICMPv6, NFT_REJECT_ICMPX_*
  void drop();
  void leave();  ///< out of the chain

 private:
  /// Appends one expression; `data` puts its attributes.
  void expression(std::string_view name, const std::function<void()>& data);
  void compare(std::uint32_t operation, Bytes value);
  void load_meta(std::uint32_t key);
  void load_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length);
  void load_destination_type();
  void verdict(std::int32_t code);
  void refuse(std::uint32_t type, std::uint8_t code);

  Messages& messages_;
  Messages::Open message_;
  Messages::Open expressions_;  ///< closed before the message is
};

}  // namespace nxgate::netfilter
