// The nf_tables expressions that nxgate's rules are made of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "netfilter/messages.h"

namespace nxgate::netfilter {

/// What octets of a packet are compared with.
template <std::size_t N>
using Octets = std::array<std::uint8_t, N>;

/// The link that each namespace has.
inline constexpr std::string_view kLoopback = "lo";

/// A table of family inet or netdev, and one of its chains.
struct Chain {
  std::uint8_t family;  ///< NFPROTO_INET, NFPROTO_NETDEV
  std::string_view table;
  std::string_view name;
};

/// The header of every nf_tables message.
[[nodiscard]] Messages::Open nft_message(Messages& messages, std::uint16_t type,
                                         std::uint16_t flags, std::uint8_t family);

/// Where octets of a packet are counted from.
enum class Part : std::uint8_t {
  kFrame,    ///< the header of the link
  kHeader,   ///< that of IP
  kMessage,  ///< that of TCP, UDP, ICMP
};

/// A port in the message of a packet, in octets from its beginning.
struct PortField {
  std::uint32_t at;
  std::uint32_t checksum_at;  ///< put right with it; 0 for none
};

/// Of a flow: as its first packet goes, or back. IP_CT_DIR_*, as the kernel counts them.
enum class Way : std::uint8_t { kForth, kBack };

/// One rule, appended to its chain: conditions that must all hold, then what is done. Written by
/// the destructor.
class Rule {
 public:
  Rule(Messages& messages, const Chain& chain);

  Rule& family(std::uint8_t nfproto);     ///< NFPROTO_IPV4, NFPROTO_IPV6
  Rule& protocol(std::uint8_t protocol);  ///< IPPROTO_UDP, IPPROTO_TCP
  Rule& protocol_is_not(std::uint8_t protocol);
  Rule& to_port(std::uint16_t port);  ///< of UDP and TCP
  Rule& from_port(std::uint16_t port);
  Rule& to_address(Bytes ipv4);
  Rule& to(const Prefix& prefix);
  Rule& from(const Prefix& prefix);
  Rule& in_by(std::string_view interface);
  Rule& out_of(std::string_view interface);
  Rule& not_out_of(std::string_view interface);
  Rule& out_of_those_named(std::string_view beginning);
  /// RTN_LOCAL, RTN_UNICAST: what the destination is to the namespace's routing table.
  Rule& destination_is(std::uint32_t type);
  Rule& destination_is_not(std::uint32_t type);
  Rule& source_is(std::uint32_t type);
  /// No route to the source leads out of the link by which the packet came; in prerouting.
  Rule& no_way_back();
  /// A route to the destination leads out of the link by which the packet came; in prerouting.
  Rule& turns_back();

  /// Of a flow that conntrack knows, or an error about one, or one of both.
  Rule& established();
  Rule& related();
  Rule& known();
  /// Of a flow whose destination was translated, in one of its ways.
  Rule& translated(Way way);
  /// Who sends in the flow that conntrack knows, in one of its ways; false without a flow.
  Rule& flow_from(Way way, const Prefix& prefix);
  Rule& flow_not_from(Way way, const Prefix& prefix);
  /// What stands at an octet of the packet; a packet that is too short doesn't match.
  Rule& octets(Part part, std::uint32_t at, Bytes value);
  Rule& octets_are_not(Part part, std::uint32_t at, Bytes value);
  Rule& octets_at_most(Part part, std::uint32_t at, Bytes value);
  Rule& bits(Part part, std::uint32_t at, Bytes mask, Bytes value);
  Rule& bits_are_not(Part part, std::uint32_t at, Bytes mask, Bytes value);
  Rule& length(std::uint32_t octets);          ///< of all of it, on a link with its header
  Rule& has_extension(std::uint8_t protocol);  ///< of IPv6, IPPROTO_ROUTING ...
  Rule& has_socket();                          ///< sent by a process in here
  Rule& icmp_type(std::uint8_t type);          ///< of ICMP, of ICMPv6
  /// By a link, and not for the host that received it: to another one's hardware address, or to
  /// many. What is sent in here is never so.
  Rule& received();
  Rule& has_route();  ///< packet sockets send without
  /// Whether the set has the destination's address with protocol and port, or with any.
  Rule& to_port_in(std::string_view set, bool ipv6);
  Rule& to_any_in(std::string_view set, bool ipv6);
  /// Whether the set has both addresses of the packet with their ports.
  Rule& flow_in(std::string_view set, bool ipv6);
  Rule& flow_not_in(std::string_view set, bool ipv6);
  /// Puts the destination, or the source, into the set, with a counter; `port` false for protocols
  /// without.
  Rule& note_in(std::string_view set, bool ipv6, bool port, Milliseconds life);
  Rule& note_source_in(std::string_view set, bool ipv6, bool port, Milliseconds life);

  void accept();
  void go_to(std::string_view chain);
  /// To the loopback address, of what comes in to that of its link; its port stays the same.
  void redirect();
  void redirect(std::uint16_t port);
  void write_port(const PortField& field, std::uint16_t port);
  void reset();                    ///< TCP RST
  void reject(std::uint8_t code);  ///< ICMP or ICMPv6, NFT_REJECT_ICMPX_*
  void drop();
  void leave();  ///< out of the chain

 private:
  /// Appends one expression; `data` puts its attributes.
  void expression(std::string_view name, const std::function<void()>& data);
  void compare(std::uint32_t operation, Bytes value);
  void load_meta(std::uint32_t key);
  void load_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length);
  void load_route(std::uint32_t result, std::uint32_t flags);
  void load_flow_source(Way way, const Prefix& prefix);
  void load_state(std::uint32_t bits);
  void compare_link(std::uint32_t key, std::uint32_t operation, std::string_view interface);
  void load_address(bool ipv6, bool source);
  void load_number(std::uint32_t reg, std::uint32_t number);
  void load_protocol(bool ipv6);
  void load_port(bool ipv6, bool source);
  void note(std::string_view set, bool ipv6, bool source, bool port, Milliseconds life);
  void compare_address(const Prefix& prefix, std::uint32_t offset4, std::uint32_t offset6);
  void keep_bits(Bytes mask);
  void load_flow(bool ipv6);
  void look_up(std::string_view set, std::uint32_t flags = 0);
  void verdict(std::int32_t code, std::string_view chain = {});
  void refuse(std::uint32_t type, std::uint8_t code);

  Messages& messages_;
  Messages::Open message_;
  Messages::Open expressions_;  ///< closed before the message is
};

}  // namespace nxgate::netfilter
