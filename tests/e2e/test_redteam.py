"""Every known way out of a namespace with a firewall, tried.

Each attempt carries a marker towards an address that no allowed name leads to, while a packet socket
outside looks for it. The same attempt gets through without nxgate, or the test would show nothing.
docs/threat-model.md says what is left open.
"""
import errno
import select
import socket
import struct
import subprocess
import time

import dns.query
import pytest

from harness.nxgate import addresses, make_query, rcode
from harness.upstream import answer

MARKER = b"nxgate-red-team-marker"
DENIED, DENIED6 = "203.0.113.66", "2001:db8:66::66"
GATEWAY = "10.77.0.1"
SO_MARK, MSG_FASTOPEN = 36, 0x20000000


def checksum(data):
    total = sum(struct.unpack(f"!{len(data + bytes(len(data) % 2)) // 2}H",
                              data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(payload, protocol=17, source="10.77.0.2", destination=DENIED, fragment=0):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 4711, fragment, 64, protocol,
                         0, socket.inet_aton(source), socket.inet_aton(destination))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def udp(port=5000):
    return struct.pack("!HHHH", 4000, port, 8 + len(MARKER), 0) + MARKER


def datagram(address=DENIED, port=5000, family=socket.AF_INET, options=()):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        for level, name, value in options:
            s.setsockopt(level, name, value)
        s.sendto(MARKER, (address, port))


def raw(*packets):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        for packet in packets:
            s.sendto(packet, (DENIED, 0))


def protocol(number):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, number) as s:
        s.sendto(MARKER, (DENIED, 0))


def ping():
    body = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + MARKER
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.sendto(body[:2] + struct.pack("!H", checksum(body)) + body[4:], (DENIED, 0))


def icmpv6(kind):
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
        s.sendto(struct.pack("!BBHI", kind, 0, 0, 0) + MARKER, (DENIED6, 0))


def fragments():
    """One datagram in pieces, the marker in the second."""
    whole = udp()
    raw(ipv4(whole[:8], fragment=0x2000), ipv4(whole[8:], fragment=1))


def later_fragment():
    """A piece without its first, that has no port to look at."""
    raw(ipv4(MARKER + bytes(2), fragment=100))


def packet(kind=0x0800, payload=None):
    """A frame of one's own making to the gateway, past all that looks at packets of the stack."""
    with open("/proc/thread-self/net/arp", encoding="ascii") as table:
        hardware = next(line.split()[3] for line in table if line.startswith(GATEWAY))
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as s:
        s.sendto(payload or ipv4(udp()), ("eth0", kind, 0, 0, bytes.fromhex(hardware.replace(":", ""))))


def fast_open():
    """Data in the SYN."""
    with socket.socket() as s:
        s.sendto(MARKER, MSG_FASTOPEN, (DENIED, 5000))


ATTEMPTS = {
    "udp": datagram,
    "quic": lambda: datagram(port=443),
    "another resolver's DoQ": lambda: datagram(port=853),
    "ipv6": lambda: datagram(DENIED6, family=socket.AF_INET6),
    "mapped ipv6": lambda: datagram("::ffff:" + DENIED, family=socket.AF_INET6),
    "a mark": lambda: datagram(options=[(socket.SOL_SOCKET, SO_MARK, 1)]),
    "the link by name": lambda: datagram(
        options=[(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")]),
    "raw": lambda: raw(ipv4(udp())),
    "raw to port 53": lambda: raw(ipv4(udp(53))),
    "raw with another's source": lambda: raw(ipv4(udp(), source="10.77.0.99")),
    "fragments": fragments,
    "a later fragment alone": later_fragment,
    "ping": ping,
    "sctp": lambda: protocol(132),
    "gre": lambda: protocol(47),
    "an unknown protocol": lambda: protocol(253),
    "icmpv6 echo": lambda: icmpv6(128),
    "a neighbour solicitation to afar": lambda: icmpv6(135),
    "a packet socket": packet,
    "a packet socket with ipv6": lambda: packet(0x86dd, b"\x60" + bytes(5) + b"\x3b\x40" +
                                                bytes(32) + MARKER),
    "a packet socket with an unknown protocol": lambda: packet(0x88b5, MARKER),
    "multicast": lambda: datagram("224.0.0.251", 5353),
    "broadcast": lambda: datagram("255.255.255.255", 5000, options=[
        (socket.SOL_SOCKET, socket.SO_BROADCAST, 1)]),
}


@pytest.fixture
def outside(namespace):
    world = namespace("outside")
    world.add_address(f"{DENIED}/32")
    world.add_address(f"{DENIED6}/128")
    return world


@pytest.fixture
def app(namespace, outside):
    inside = namespace("app")
    inside.join(outside, "10.77.0.2/24", f"{GATEWAY}/24")
    inside.add_address("2001:db8:77::2/64", "eth0")
    outside.add_address("2001:db8:77::1/64", "eth0")
    for family, gateway in (("-4", GATEWAY), ("-6", "2001:db8:77::1")):
        subprocess.run(["ip", family, "-n", inside.name, "route", "add", "default", "via", gateway],
                       check=True)
    inside.call(lambda: datagram(GATEWAY))  # so that its hardware address is known
    return inside


@pytest.fixture
def attach(nxgate, upstream, outside, tmp_path):
    server = upstream({"web.test": answer("@ 60 A 203.0.113.7")}, namespace=outside)

    def start(inside):
        return nxgate("--netns", inside.path, command="attach", config=f"""
[upstreams.default]
servers = ["127.0.0.1:{server.port}"]
netns = "{outside.path}"
[policies.default]
allow = ["web.test"]
[policies.default.egress]
""")

    return start


@pytest.fixture
def seen(outside):
    """Whether the marker came in within a moment; called after the attempt."""
    sniffer = outside.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                                 socket.htons(3)))

    def look(seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([sniffer], [], [], left)[0]:
                frame, where = sniffer.recvfrom(65535)
                if where[0] == "eth0" and where[2] != socket.PACKET_OUTGOING and MARKER in frame:
                    return True
        return False

    with sniffer:
        yield look


def attempt(inside, how):
    try:
        inside.call(how)
    except OSError as error:
        assert error.errno in (errno.EPERM, errno.ECONNREFUSED, errno.ENOBUFS, errno.EACCES,
                               errno.EHOSTUNREACH, errno.ENETUNREACH), error


@pytest.mark.parametrize("how", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_a_way_out_is_closed(attach, app, seen, how):
    attempt(app, how)
    assert seen(5), "it shows nothing if it doesn't work without nxgate"
    attach(app)
    seen(0.1)  # what came twice
    attempt(app, how)
    assert not seen(0.5)


def test_tcp_is_refused_before_any_data(attach, app):
    attach(app)
    with pytest.raises(ConnectionRefusedError):
        app.call(fast_open)
    with pytest.raises(ConnectionRefusedError):
        app.call(lambda: socket.create_connection((DENIED6, 443), timeout=5))


@pytest.mark.parametrize("tcp", [False, True])
def test_any_resolver_is_nxgate(attach, app, tcp):
    attach(app)
    send = dns.query.tcp if tcp else dns.query.udp
    ask = lambda qname, qtype="A": app.call(  # noqa: E731
        lambda: send(make_query(qname, qtype), DENIED, timeout=5))
    assert rcode(ask("tunnel.evil.test", "TXT")) == "NXDOMAIN"
    assert addresses(ask("web.test")) == ["203.0.113.7"]


def test_a_namespace_behind_it_is_fenced_as_well(attach, app, namespace, seen):
    """Docker in Docker: what is forwarded is judged as what is sent."""
    behind = namespace("behind")
    behind.join(app, "10.78.0.2/24", "10.78.0.1/24", device="eth1")
    subprocess.run(["ip", "-n", behind.name, "route", "add", "default", "via", "10.78.0.1"],
                   check=True)
    app.run("sysctl", "-qw", "net.ipv4.ip_forward=1", check=True)
    attempt(behind, datagram)
    assert seen(5)
    attach(app)
    attempt(behind, datagram)
    assert not seen(0.5)
