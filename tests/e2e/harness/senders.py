"""How each way out of wayout.py is tried: what a program sends, by which kind of socket."""
import errno
import socket
import struct
import time

from harness.packets import (ACK, ARP, COLLECTOR_PORT, DENIED, DENIED6, IPV4, IPV6, MARKER, OWN_PORT, SYN,
                             icmp, icmp6, ipv4, ipv6, own, own6, tcp, udp)

SO_MARK, MSG_FASTOPEN, IPV6_FREEBIND, IP_TRANSPARENT = 36, 0x20000000, 78, 19
TCP_FASTOPEN_NO_COOKIE = 34
HOP, HOP6 = "198.51.100.7", "2001:db8:5::7"
SOL_PACKET, PACKET_VNET_HDR, PACKET_QDISC_BYPASS = 263, 15, 20


def datagram(address=DENIED, port=COLLECTOR_PORT, family=socket.AF_INET, options=(), data=MARKER):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        for level, name, value in options:
            s.setsockopt(level, name, value)
        s.sendto(data, (address, port))


def raw(*packets, to=None):
    """Whole packets, on the route to `to`, whatever their headers say."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        for packet in packets:
            s.sendto(packet, (to or socket.inet_ntoa(packet[16:20]), 0))


def raw6(*packets, to=None):
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        for packet in packets:
            s.sendto(packet, (to or socket.inet_ntop(socket.AF_INET6, packet[24:40]), 0))


def protocol(number):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, number) as s:
        s.sendto(MARKER, (DENIED, 0))


def icmpv6(kind):
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
        s.sendto(struct.pack("!BBHI", kind, 0, 0, 0) + MARKER, (DENIED6, 0))


def fragments():
    """One datagram in pieces, the marker in the second."""
    whole = udp()
    raw(ipv4(whole[:8], fragment=0x2000), ipv4(whole[8:], fragment=1))


def gateway():
    """The hardware address of the default route's next hop, and the link."""
    with open("/proc/thread-self/net/route", encoding="ascii") as table:
        link, hop = next(line.split()[0:3:2] for line in table if line.split()[1] == "00000000" and
                         line.split()[0] != "lo")
    address = socket.inet_ntoa(struct.pack("<I", int(hop, 16)))
    for _ in range(20):
        with open("/proc/thread-self/net/arp", encoding="ascii") as table:
            for line in table:
                if line.split()[0] == address and line.split()[3] != "00:00:00:00:00:00":
                    return bytes.fromhex(line.split()[3].replace(":", "")), link
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"x", (address, 9))  # so that it becomes known
        time.sleep(0.1)
    raise OSError(errno.EHOSTUNREACH, "the gateway's hardware address isn't known")


def packet(kind=IPV4, payload=None, to=None, link=None, bypass=False):
    """A frame past all that looks at packets of the stack; `kind` is what the kernel believes it is."""
    hardware, out = (None, link) if link == "lo" else gateway()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as s:
        s.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, bypass)
        s.sendto(payload or ipv4(udp()), (out, kind, 0, 0, to or hardware or bytes(6)))


def frame(payload, kind=IPV4, believed=ARP, to=None, bypass=False, tag=b""):
    """The same with a header of one's own: `kind` is what the receiver sees."""
    hardware, link = gateway()
    header = (to or hardware) + b"\2\0\0\0\0\7" + tag + struct.pack("!H", kind)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
        s.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, bypass)
        s.sendto(header + payload, (link, believed, 0, 0, b""))


def checksummed(payload, start, at, kind=IPV4):
    """A frame for which the kernel writes the checksum of all from octet `start` of the payload at octet `at`.

    It does so behind all hooks, on the first link that doesn't leave it to its hardware.
    """
    hardware, link = gateway()
    told = struct.pack("=BBHHHH", 1, 0, 0, 0, 14 + start, at - start)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
        s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        s.sendto(told + hardware + b"\2\0\0\0\0\7" + struct.pack("!H", kind) + payload,
                 (link, kind, 0, 0, b""))


def arp(data):
    """A request with so much behind it."""
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, 1) + bytes(6) + socket.inet_aton(own()) + bytes(6) + \
        socket.inet_aton(DENIED) + data


# A flow whose first packet is forged: the collector's source, and a destination of our own. What follows is
# an answer then.

FLOWS = {
    "UDP": (17, udp(OWN_PORT, COLLECTOR_PORT, b"x"), udp(COLLECTOR_PORT, OWN_PORT)),
    "TCP, both ends open": (6, tcp(OWN_PORT, COLLECTOR_PORT, SYN),
                            tcp(COLLECTOR_PORT, OWN_PORT, SYN, MARKER)),
    "TCP without a SYN": (6, tcp(OWN_PORT, COLLECTOR_PORT, ACK),
                          tcp(COLLECTOR_PORT, OWN_PORT, ACK, MARKER)),
    "ICMP echo": (1, icmp(8), icmp(0, MARKER)),
    "an unknown protocol": (253, b"x", MARKER),
}


def forged(flow, send=raw, source=DENIED, destination=None):
    number, forth, _ = FLOWS[flow]
    send(ipv4(forth, number, source, destination or own()))


def answer(flow, source=None):
    number, _, back = FLOWS[flow]
    raw(ipv4(back, number, source or own(), DENIED))


def forged6(flow, send=raw6, source=DENIED6, destination=None, extension=b""):
    number, forth, _ = FLOWS[flow]
    if extension:
        forth, number = bytes([number]) + extension + forth, 60
    send(ipv6(forth, number, source, destination or own6()))


def answer6(flow, source=None):
    number, _, back = FLOWS[flow]
    raw6(ipv6(back, number, source or own6(), DENIED6))


def then(*steps):
    def go():
        for step in steps:
            try:
                step()
            except PermissionError:
                pass  # the next one may do
            time.sleep(0.1)

    return go


def in_pieces(whole):
    body = whole[20:] + bytes(-len(whole[20:]) % 8)
    source, destination = (socket.inet_ntoa(whole[at:at + 4]) for at in (12, 16))
    raw(ipv4(body[:8], 17, source, destination, fragment=0x2000),
        ipv4(body[8:], 17, source, destination, fragment=1))


def by_lo(whole):
    packet(IPV6 if whole[0] >> 4 == 6 else IPV4, whole, link="lo")


def transparent():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
        s.bind((DENIED, COLLECTOR_PORT))
        s.sendto(b"x", (own(), OWN_PORT))


def freebind(kind=socket.SOCK_DGRAM):
    """A socket with the collector's address, which IPv6 lets anybody have."""
    s = socket.socket(socket.AF_INET6, kind)
    s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((DENIED6, COLLECTOR_PORT))
    return s


def freebind_flow():
    with freebind() as s, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as back:
        back.bind((own6(), OWN_PORT))
        try:
            s.sendto(b"x", (own6(), OWN_PORT))
        except PermissionError:
            pass
        back.sendto(MARKER, (DENIED6, COLLECTOR_PORT))


def freebind_connection():
    """A listener that is full takes no notice of the forged SYN; then the other end opens too."""
    port = 4001
    with socket.socket(socket.AF_INET6) as full, freebind(socket.SOCK_STREAM) as s:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((own6(), port))
        full.listen(0)
        first = socket.create_connection((own6(), port))
        s.setblocking(False)
        s.connect_ex((own6(), port))
        time.sleep(0.2)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.close()
    with socket.socket(socket.AF_INET6) as back:
        back.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        back.settimeout(3)
        back.bind((own6(), port))
        back.connect((DENIED6, COLLECTOR_PORT))
        back.send(MARKER)


def freebind_refusal(destination="2001:db8:66::99", count=1, own_port=False):
    """Refused, with an error to the source."""
    with freebind() as s:
        for number in range(count):
            s.sendto(MARKER * 40, (own6() if own_port else destination, 33434 + number))


def many_sources():
    raw(*(ipv4(udp(data=MARKER * 20), source=f"203.0.113.{n}", destination="198.51.100.99")
          for n in range(60, 80)))


QUERY = b"\0\7\1\0\0\1\0\0\0\0\0\0\1a\4test\0\0\1\0\1"


def redirected_error():
    """An error about a question that the gate redirected, whose flow is known with the collector."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(QUERY, (DENIED, 53))
        inner = ipv4(udp(s.getsockname()[1], 53, b""), 17, DENIED, own())
        raw(ipv4(icmp(3, inner + MARKER, 0, 3), 1))


def redirected_error6():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.sendto(QUERY, (DENIED6, 53))
        inner = ipv6(udp(s.getsockname()[1], 53, b""), 17, DENIED6, own6())
        raw6(ipv6(icmp6(1, bytes(4) + inner + MARKER, own6(), DENIED6, 4), 58))


def advertisement(prefix="2001:db8:66::"):
    """A router of one's own: an address in the prefix, and not on this link (RFC 4861, 4.6.2)."""
    information = struct.pack("!BBBBIII", 3, 4, 64, 0x40, 86400, 86400, 0) + \
        socket.inet_pton(socket.AF_INET6, prefix)
    return struct.pack("!BBHII", 64, 0, 0, 0, 0) + information


def link_local():
    with open("/proc/thread-self/net/if_inet6", encoding="ascii") as table:
        for line in table:
            digits, index, _, scope, _, link = line.split()
            if scope == "20" and link != "lo":
                return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits)), link, int(index, 16)
    raise OSError(errno.EADDRNOTAVAIL, "no link-local address")


def to_link(kind, body, destination="ff02::1", hops=255, extension=b""):
    """An ICMPv6 message to the link."""
    source, link, index = link_local()
    message = icmp6(kind, body, source, destination)
    whole = ipv6(extension + message, 0 if extension else 58, source, destination, hops)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode() + b"\0")
        s.sendto(whole, (destination, 0, 0, index))


def bound_to_link():
    """The option of a socket that keeps its packets on the link, also where their destination is changed."""
    return socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link_local()[1].encode() + b"\0"


def bound_question(address=DENIED, family=socket.AF_INET, data=MARKER):
    datagram(address, 53, family, [bound_to_link()], data)


def bound_syn():
    """To a resolver, with data, for which no cookie is needed."""
    with socket.socket() as s:
        s.setsockopt(*bound_to_link())
        s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
        s.setblocking(False)
        s.sendto(MARKER, MSG_FASTOPEN, (DENIED, 53))


def a_network_of_ones_own():
    to_link(134, advertisement())
    time.sleep(3.5)
    datagram(DENIED6, family=socket.AF_INET6)


def solicitation(data=b""):
    return bytes(4) + socket.inet_pton(socket.AF_INET6, DENIED6) + data


ALERT = bytes([58, 0, 5, 2, 0, 0, 1, 0])


def report(group, data=b""):
    return struct.pack("!HHBBH", 0, 1, 4, 0, 0) + group + data


def join():
    """112 bits of the choice of anybody, in a report that the kernel sends."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        group = b"\xff\x02" + MARKER
        _, _, index = link_local()
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("I", index))
        time.sleep(1.5)


def routing_header():
    """Type 4 (RFC 8754): to an open address, and on to the collector."""
    segments = struct.pack("!BBBBBBH", 17, 2, 4, 1, 0, 0, 0) + \
        socket.inet_pton(socket.AF_INET6, DENIED6)
    raw6(ipv6(segments + udp(), 43, destination=HOP6))


def source_route(kind, visited=b""):
    """To an open address, and on to the collector; nft knows only those that haven't been anywhere."""
    option = bytes([kind, 7 + len(visited), 4 + len(visited)]) + visited + socket.inet_aton(DENIED) + b"\0"
    raw(ipv4(udp(), options=option, destination=HOP))


def source_route_of_anybody():
    """The same by the kernel: the collector is whom one sends to, and the header names the first hop."""
    option = bytes([131, 7, 4]) + socket.inet_aton(HOP) + b"\0"
    datagram(options=[(socket.IPPROTO_IP, socket.IP_OPTIONS, option)])


def fast_open():
    """Data in the SYN."""
    with socket.socket() as s:
        s.sendto(MARKER, MSG_FASTOPEN, (DENIED, COLLECTOR_PORT))
