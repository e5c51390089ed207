"""Every known way out of a namespace with a firewall, as a table, and a program that tries one.

Each carries MARKER towards an address that no allowed name leads to. It runs on the standard library alone,
in whatever namespace, as whatever user, also inside a container: `python3 -m harness.wayout 'a title'`.
Without a title it prints the table for docs/threat-model.md.
"""
import dataclasses
import enum
import functools
import socket
import struct
import sys
from collections.abc import Callable

from harness.packets import (ARP, DENIED, DENIED6, IPV6, MARKER, UNKNOWN, VLAN, icmp, ipv4, ipv6, own, own6,
                             udp)
from harness.senders import (ALERT, FLOWS, HOP, HOP6, SO_MARK, a_network_of_ones_own, answer,
                             answer6, arp, bound_question, bound_syn, bound_to_link, by_lo, datagram, forged,
                             forged6, fragments, frame, freebind_connection, freebind_flow,
                             freebind_refusal, icmpv6, in_pieces, join, many_sources, packet, protocol, raw, raw6, redirected_error,
                             redirected_error6, report, routing_header, solicitation, source_route,
                             source_route_of_anybody, then, to_link, transparent)


class Rights(enum.Enum):
    NONE = "none"
    NET_RAW = "NET_RAW"


class Outcome(enum.Enum):
    REFUSED = "refused"
    DROPPED = "dropped"
    LINK = "dropped on the link"


@dataclasses.dataclass(frozen=True)
class Attempt:
    title: str
    rights: Rights
    outcome: Outcome
    go: Callable
    #: What the firewall must say for it.
    egress: str = ""
    #: For how long after its end something of it may come, in seconds.
    echo: float = 0.1


N, R = Rights.NONE, Rights.NET_RAW
REFUSED, DROP, LINK = Outcome.REFUSED, Outcome.DROPPED, Outcome.LINK
OPEN_HOPS = f'always = ["{HOP}", "{HOP6}"]'
GROUP = bytes.fromhex("ff0200000000000000000001ff000001")

PLAIN = [
    Attempt("UDP", N, REFUSED, datagram),
    Attempt("QUIC", N, REFUSED, lambda: datagram(port=443)),
    Attempt("another resolver's DoQ", N, REFUSED, lambda: datagram(port=853)),
    Attempt("UDP by IPv6", N, REFUSED, lambda: datagram(DENIED6, family=socket.AF_INET6)),
    Attempt("UDP by mapped IPv6", N, REFUSED,
            lambda: datagram("::ffff:" + DENIED, family=socket.AF_INET6)),
    Attempt("UDP with a mark", R, REFUSED,
            lambda: datagram(options=[(socket.SOL_SOCKET, SO_MARK, 1)])),
    Attempt("UDP bound to the link", N, REFUSED, lambda: datagram(options=[bound_to_link()])),
    Attempt("UDP bound to the link, to port 53", N, REFUSED, bound_question),
    Attempt("UDP bound to the link, to port 53 by IPv6", N, REFUSED,
            lambda: bound_question(DENIED6, socket.AF_INET6)),
    Attempt("UDP bound to the link, to port 53, of 57 kB", N, REFUSED,
            lambda: bound_question(data=MARKER * 4000)),
    Attempt("data in a SYN bound to the link, to port 53", N, DROP, bound_syn),
    Attempt("multicast", N, REFUSED, lambda: datagram("224.0.0.251", 5353)),
    Attempt("broadcast", N, REFUSED, lambda: datagram(
        "255.255.255.255", options=[(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)])),
    Attempt("raw UDP", R, REFUSED, lambda: raw(ipv4(udp()))),
    Attempt("raw UDP to port 53", R, DROP, lambda: raw(ipv4(udp(53)))),
    Attempt("raw UDP in fragments", R, REFUSED, fragments),
    Attempt("a later fragment alone", R, DROP, lambda: raw(ipv4(MARKER + bytes(2), fragment=100))),
    Attempt("ping", R, REFUSED, lambda: raw(ipv4(icmp(8, MARKER), 1))),
    Attempt("SCTP", R, REFUSED, lambda: protocol(132)),
    Attempt("GRE", R, REFUSED, lambda: protocol(47)),
    Attempt("an unknown protocol", R, REFUSED, lambda: protocol(253)),
    Attempt("ICMPv6 echo", R, REFUSED, lambda: icmpv6(128)),
]

FRAMES = [
    Attempt("packet socket", R, LINK, packet),
    Attempt("packet socket, past the queue", R, LINK, lambda: packet(bypass=True)),
    Attempt("packet socket, IPv6", R, LINK, lambda: packet(IPV6, ipv6(MARKER, 59))),
    Attempt("packet socket, an unknown type", R, LINK, lambda: packet(UNKNOWN, MARKER)),
    Attempt("packet socket, another's source", R, LINK,
            lambda: packet(payload=ipv4(udp(), source="10.77.0.99"))),
    Attempt("packet socket, marked ARP", R, LINK, lambda: packet(ARP)),
    Attempt("IP in a frame marked ARP", R, LINK, lambda: frame(ipv4(udp()))),
    Attempt("IP in a frame marked ARP, past the queue", R, LINK,
            lambda: frame(ipv4(udp()), bypass=True)),
    Attempt("IPv6 in a frame marked ARP", R, LINK, lambda: frame(ipv6(udp()), IPV6)),
    Attempt("IP in a frame marked as an unknown type", R, LINK,
            lambda: frame(ipv4(udp()), believed=UNKNOWN)),
    Attempt("a frame with a VLAN tag, marked ARP", R, LINK,
            lambda: frame(ipv4(udp()), tag=struct.pack("!HH", VLAN, 7))),
    Attempt("a broadcast frame marked ARP", R, LINK,
            lambda: frame(ipv4(udp()), to=b"\xff" * 6)),
    Attempt("a multicast frame marked ARP", R, LINK,
            lambda: frame(ipv4(udp()), to=b"\1\0\x5e\0\0\xfb")),
    Attempt("data behind an ARP request", R, LINK, lambda: frame(arp(MARKER), ARP)),
    Attempt("data instead of an ARP request", R, LINK, lambda: frame(MARKER.ljust(28), ARP)),
]

FORGED = [
    *(Attempt(f"answer to a forged flow, {flow}", R, DROP,
              then(functools.partial(forged, flow), functools.partial(answer, flow)))
      for flow in FLOWS),
    *(Attempt(f"answer to a forged flow by IPv6, {flow}", R, DROP,
              then(functools.partial(forged6, flow), functools.partial(answer6, flow)))
      for flow in FLOWS if flow != "ICMP echo"),
    Attempt("answer to a forged flow, by a packet socket on lo", R, DROP,
            then(lambda: forged("UDP", by_lo), lambda: answer("UDP"))),
    Attempt("answer to a forged flow by IPv6, by a packet socket on lo", R, DROP,
            then(lambda: forged6("UDP", by_lo), lambda: answer6("UDP"))),
    Attempt("answer to a forged flow, in fragments", R, DROP,
            then(lambda: forged("UDP", in_pieces), lambda: answer("UDP"))),
    Attempt("answer to a forged flow by IPv6, behind an extension header", R, DROP,
            then(lambda: forged6("UDP", extension=b"\0\1\4\0\0\0\0"), lambda: answer6("UDP"))),
    Attempt("answer to a forged flow, by IP_TRANSPARENT", R, DROP,
            then(transparent, lambda: answer("UDP"))),
    Attempt("answer to a forged flow to Docker's resolver", R, DROP,
            then(lambda: forged("UDP", destination="127.0.0.11"),
                 lambda: answer("UDP", source="127.0.0.11"))),
    Attempt("answer to a forged flow by IPv6, by IPV6_FREEBIND", N, REFUSED, freebind_flow),
    Attempt("TCP to a forged flow by IPv6, by IPV6_FREEBIND", N, REFUSED, freebind_connection),
    Attempt("error about a forged packet", R, DROP,
            lambda: raw(ipv4(udp(data=MARKER * 20), source=DENIED, destination="198.51.100.99"))),
    Attempt("error about a forged packet to a closed port", R, DROP,
            lambda: raw(ipv4(udp(9), source=DENIED, destination=own()))),
    Attempt("errors about packets of many sources", R, DROP, many_sources),
    Attempt("error about a forged question", R, DROP,
            lambda: raw(ipv4(udp(53), source=DENIED, destination="198.51.100.99"))),
    Attempt("error about a forged packet by IPv6, by IPV6_FREEBIND", N, REFUSED, freebind_refusal),
    Attempt("error about a closed port by IPv6, by IPV6_FREEBIND", N, REFUSED,
            lambda: freebind_refusal(own_port=True)),
    Attempt("error about a redirected question", R, DROP, redirected_error),
    Attempt("error about a redirected question by IPv6", R, DROP, redirected_error6),
    Attempt("raw UDP with another's source", R, DROP, lambda: raw(ipv4(udp(), source="10.77.0.99"))),
    Attempt("raw UDP with a source of loopback to an open address", R, DROP,
            lambda: raw(ipv4(udp(), source="127.0.0.1", destination=HOP)), OPEN_HOPS),
    Attempt("raw UDP with a source of loopback by IPv6", R, DROP,
            lambda: raw6(ipv6(udp(), source="::1", destination=HOP6)), OPEN_HOPS),
    Attempt("a header that names ourselves, on the route to somebody else", R, DROP,
            lambda: raw(ipv4(udp(), destination=own()), to=DENIED)),
    Attempt("the same header by IPv6", R, DROP, lambda: raw6(ipv6(udp(), destination=own6()), to=DENIED6)),
    Attempt("loose source route by an open address", R, DROP, lambda: source_route(131), OPEN_HOPS),
    Attempt("strict source route by an open address", R, DROP, lambda: source_route(137), OPEN_HOPS),
    Attempt("loose source route that is on its way", R, DROP,
            lambda: source_route(131, b"\1\2\3\4"), OPEN_HOPS),
    Attempt("strict source route that is on its way", R, DROP,
            lambda: source_route(137, b"\1\2\3\4"), OPEN_HOPS),
    Attempt("source route of a socket's option", R, REFUSED, source_route_of_anybody, OPEN_HOPS),
    Attempt("options of IPv4 to an open address", R, DROP,
            lambda: raw(ipv4(udp(), destination=HOP, options=b"\1\1\1\0")), OPEN_HOPS),
    Attempt("routing header of IPv6 by an open address", R, DROP, routing_header, OPEN_HOPS),
]

NEIGHBOURS = [
    Attempt("neighbour solicitation to afar", R, DROP, lambda: icmpv6(135)),
    Attempt("neighbour advertisement to afar", R, DROP, lambda: icmpv6(136)),
    Attempt("router advertisement to oneself, then UDP", R, REFUSED, a_network_of_ones_own,
            "networks = true"),
    Attempt("data in a router advertisement", R, DROP,
            lambda: to_link(134, bytes(12) + MARKER)),
    Attempt("data in a redirect", R, DROP, lambda: to_link(137, bytes(36) + MARKER)),
    Attempt("data in a multicast query", R, DROP, lambda: to_link(130, bytes(20) + MARKER, hops=1)),
    Attempt("data behind a neighbour solicitation", R, DROP,
            lambda: to_link(135, solicitation(MARKER))),
    Attempt("data behind a neighbour advertisement", R, DROP,
            lambda: to_link(136, solicitation(MARKER))),
    Attempt("data behind a router solicitation", R, DROP,
            lambda: to_link(133, bytes(4) + MARKER, "ff02::2")),
    Attempt("data in a report of multicast listeners", R, DROP,
            lambda: to_link(143, report(b"\xff\x02" + MARKER), "ff02::16", 1, ALERT)),
    Attempt("data behind such a report", R, DROP,
            lambda: to_link(143, report(GROUP, MARKER), "ff02::16", 1, ALERT)),
    Attempt("data in a group that is joined", N, DROP, join, echo=3),
]

ATTEMPTS = [*PLAIN, *FRAMES, *FORGED, *NEIGHBOURS]


def table():
    """As docs/threat-model.md has it."""
    rows = [f"| {each.title} | {each.rights.value} | {each.outcome.value} |" for each in ATTEMPTS]
    return "\n".join(["| Attempt | Rights it takes | Outcome |", "|---|---|---|", *rows])


def main():
    if len(sys.argv) == 1:
        print(table())
        return
    attempt, = (each for each in ATTEMPTS if each.title == sys.argv[1])
    try:
        attempt.go()
    except OSError as error:
        print(error.errno)


if __name__ == "__main__":
    main()
