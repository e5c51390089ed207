// The gate of one network namespace: it redirects every DNS query in it to nxgate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "netfilter/gate_ports.h"
#include "netfilter/owner.h"
#include "netfilter/socket.h"
#include "sys/netns.h"

namespace nxgate::netfilter {

/// What happens to the gate when nxgate dies.
enum class OnDeath : std::uint8_t {
  kStaysClosed = 0,  ///< questions are refused until nxgate is back or the gate is removed
  kOpens,            ///< the kernel removes the rules
};

/// The flags of a table of nf_tables that does so.
[[nodiscard]] std::uint32_t table_flags(OnDeath on_death) noexcept;

/// Whether the kernel must delete the flows of sockets that have sent queries. If there are any,
/// that takes a walk over all flows of the machine, about 20 ms.
enum class FlowCleanup : std::uint8_t {
  kForget = 0,
  kNone,  ///< nothing runs in it any more
};

/// Whether programs run in the namespace. If none should yet, everything that isn't redirected is
/// refused at once; if one has already sent a query, its next one is redirected like any other.
enum class Inside : std::uint8_t { kRunning = 0, kStarting };

/// Separate tables of nxgate; nobody else's tables are changed:
///
/// - `inet nxgate`, chain `redirect` (nat, output, just before Docker's): port 53 of 127.0.0.11 and
///   of every address that isn't the namespace's own goes to the loopback address.
/// - `inet nxgate`, chains `to_listener` and `from_listener`: there it gets the port of our
///   listener, behind every other rule (gate_ports.h).
/// - `inet nxgate`, chains `guard` (filter, output) and `forwarded`: 127.0.0.11 by another port,
///   which is the engine's resolver itself, and port 53 of anybody else, are refused; what comes
///   from behind is read here, where fragments are one packet again.
/// - `inet nxgate`, chain `outbound` (filter, postrouting, behind all NAT): what is to the
///   namespace itself, or from a loopback address, leaves by no link but lo. So a question by a
///   socket that is bound to a link fails at once: the redirect can't take it off that link.
/// - `netdev nxgate` (egress of each link): a packet socket, which walks past the rules above, may
///   send ARP (frames.h) and nothing else. Kernels before 5.16 have no such hook.
/// - an IPv4 route by lo, after all others, so that without any route a server can be asked for at
///   all; whatever else takes it is refused. Not with OnDeath::kOpens, since the
///   kernel would not take it away.
///
/// Setting it up also makes the kernel forget what it knew of DNS flows, so that sockets which
/// asked before are caught with their next question.
///
/// Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. One thread; destroying it leaves the rules in place.
class Gate {
 public:
  /// Installs the gate, replacing at once one that a dead nxgate left. Fails if a live one holds
  /// it. When it fails half-way nothing is left, unless there was a gate, which then stays closed.
  [[nodiscard]] static Result<Gate> install(const sys::NetnsRef& netns, const GatePorts& ports,
                                            OnDeath on_death, Inside inside = Inside::kRunning);

  /// Repairs what changed: new or removed links, removed rules. The result says whether rules had
  /// to be written again.
  [[nodiscard]] Result<bool> keep();

  /// Makes it stay when this process ends, also with OnDeath::kOpens, in one transaction: for
  /// another nxgate to take over.
  [[nodiscard]] Result<void> outlive();

  /// Removes everything again.
  [[nodiscard]] Result<void> remove(FlowCleanup flows = FlowCleanup::kForget);

  /// Whether packet sockets are stopped as well.
  [[nodiscard]] bool stops_packet_sockets() const noexcept { return egress_error_.empty(); }
  /// Why not.
  [[nodiscard]] const std::string& egress_error() const noexcept { return egress_error_; }

 private:
  Gate(const sys::NetnsRef& netns, const GatePorts& ports, OnDeath on_death, Socket socket)
      : netns_(netns), ports_(ports), on_death_(on_death), socket_(std::move(socket)) {}

  [[nodiscard]] Result<void> write_rules(bool guarded, FlowCleanup flows);
  void cover_links(std::vector<std::string> links);

  sys::NetnsRef netns_;
  GatePorts ports_;
  OnDeath on_death_;
  Socket socket_;
  std::vector<std::string> links_;  ///< whose egress is covered
  std::string egress_error_;
};

/// The owner of this namespace's gate; empty if there is none.
[[nodiscard]] Result<std::optional<Owner>> find_gate(const sys::NetnsRef& netns);

/// Removes the gate of a dead nxgate; no gate is fine.
[[nodiscard]] Result<void> remove_gate(const sys::NetnsRef& netns);

}  // namespace nxgate::netfilter
