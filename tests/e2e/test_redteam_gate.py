"""Ways for a DNS question past a gate alone, without a firewall: what sockets of IP send otherwise is open."""
import socket
import struct

import pytest

from harness.nxgate import make_query
from harness.packets import (ARP, DENIED, DENIED6, IPV4, IPV6, MARKER, UNKNOWN, VLAN, ipv4, ipv6, own, own6,
                             tcp, udp)
from harness.redteam import app, behind, drain, outside, seen  # noqa: F401
from harness.senders import arp, bound_question, bound_syn, checksummed, frame, packet, raw, raw6

IP_UNICAST_IF = 50
QUESTION = udp(53)
#: An IPv6 datagram in two pieces: the first is an extension header alone, the port is in the second.
LONG = bytes([17, 0, 1, 4, 0, 0, 0, 0])


def pieces():
    return [ipv6(struct.pack("!BBHI", 60, 0, offset << 3 | more, 7) + body, 44)
            for offset, more, body in ((0, 1, LONG), (1, 0, QUESTION))]


FRAMES = {
    "a packet socket": lambda: packet(payload=ipv4(QUESTION)),
    "by IPv6": lambda: packet(IPV6, ipv6(QUESTION)),
    "by TCP": lambda: packet(payload=ipv4(tcp(53, 4000, 2, MARKER), 6)),
    "marked ARP": lambda: packet(ARP, ipv4(QUESTION)),
    "a frame marked ARP": lambda: frame(ipv4(QUESTION)),
    "a frame marked ARP, past the queue": lambda: frame(ipv4(QUESTION), bypass=True),
    "a frame marked as an unknown type": lambda: frame(ipv4(QUESTION), believed=UNKNOWN),
    "an IPv6 frame marked ARP": lambda: frame(ipv6(QUESTION), IPV6),
    "an IPv6 frame marked IPv4": lambda: frame(ipv6(QUESTION), IPV6, IPV4),
    "a VLAN tag": lambda: frame(ipv4(QUESTION), tag=struct.pack("!HH", VLAN, 7)),
    "options of IPv4": lambda: frame(ipv4(QUESTION, options=b"\1\1\1\0")),
    "an extension header of IPv6": lambda: frame(ipv6(LONG + QUESTION, 60), IPV6),
    "fragments of IPv6": lambda: [frame(piece, IPV6) for piece in pieces()],
    "a checksum written over the port": lambda: checksummed(ipv4(udp(9999)), 20, 22),
    "another port": packet,
    "TCP to another port by IPv6": lambda: packet(IPV6, ipv6(tcp(80, 4000, 2, MARKER), 6)),
    "to all on the link": lambda: frame(
        ipv4(udp(67, 68), source="0.0.0.0", destination="255.255.255.255"), to=b"\xff" * 6),
}


@pytest.fixture
def attach(nxgate):
    def start(inside):
        return nxgate("--netns", inside.path, "--allow", "web.test", "--upstream", "127.0.0.1:9",
                      command="attach", listen=[])

    return start


@pytest.mark.parametrize("how", FRAMES.values(), ids=FRAMES.keys())
def test_no_frame_carries_a_question(attach, app, seen, how):
    app.call(how)
    assert seen(5), "it shows nothing if it doesn't work without nxgate"
    attach(app)
    drain(seen)
    with pytest.raises(OSError):
        app.call(how)
    assert not seen(0.5)


#: What the gate takes for the namespace's own, but the route leads to somebody else.
TO_OURSELVES = {
    "redirected, bound to the link": bound_question,
    "redirected by IPv6, bound to the link": lambda: bound_question(DENIED6, socket.AF_INET6),
    "redirected, in fragments, bound to the link": lambda: bound_question(data=MARKER * 4000),
    "a redirected SYN with data, bound to the link": bound_syn,
    "a header that names ourselves": lambda: raw(ipv4(QUESTION, destination=own()), to=DENIED),
    "a header that names ourselves by IPv6": lambda: raw6(ipv6(QUESTION, destination=own6()), to=DENIED6),
}


@pytest.mark.parametrize("how", TO_OURSELVES.values(), ids=TO_OURSELVES.keys())
def test_no_question_to_ourselves_leaves_by_a_link(attach, app, seen, how):
    def go():
        try:
            app.call(how)
        except (PermissionError, BlockingIOError):
            pass

    go()
    assert seen(5), "it shows nothing if it doesn't work without nxgate"
    attach(app)
    drain(seen)
    go()
    assert not seen(0.5)


def test_a_question_bound_to_the_link_fails_at_once(attach, app):
    attach(app)
    with pytest.raises(PermissionError):
        app.call(bound_question)


@pytest.mark.parametrize("way", ["the link of each packet", "an address"])
def test_a_question_that_chooses_its_way_otherwise_is_answered(attach, app, way):
    """By IP_UNICAST_IF, as systemd-resolved does, and from an address, as `dig -b` does."""
    attach(app)

    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            if way == "an address":
                s.bind((own(), 0))
            else:
                s.setsockopt(socket.IPPROTO_IP, IP_UNICAST_IF, struct.pack("!I", socket.if_nametoindex("eth0")))
            s.sendto(make_query("tunnel.evil.test").to_wire(), (DENIED, 53))
            return s.recvfrom(1000)[1]

    assert app.call(ask) == (DENIED, 53)


def test_a_question_in_fragments_is_put_together(attach, app, seen):
    """By the stack, which splits it anew; the gate reads it whole."""
    app.call(lambda: raw6(*pieces()))
    assert seen(5)
    attach(app)
    drain(seen)
    app.call(lambda: raw6(*pieces()))
    assert not seen(0.5)


@pytest.mark.parametrize("how", [
    lambda: raw(ipv4(QUESTION)), lambda: raw6(ipv6(QUESTION)), lambda: raw6(*pieces())],
    ids=["IPv4", "IPv6", "in pieces"])
def test_a_question_from_behind_is_refused(attach, app, behind, seen, how):
    behind.call(how)
    assert seen(5)
    attach(app)
    drain(seen)
    behind.call(how)
    assert not seen(0.5)


def test_a_refusal_from_behind_comes_at_once(attach, app, behind):
    attach(app)
    with pytest.raises(ConnectionRefusedError):
        behind.call(lambda: socket.create_connection((DENIED, 53), timeout=5))


def test_arp_goes_on(attach, app, outside):
    attach(app)
    with outside.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                            socket.htons(ARP))) as sniffer:
        sniffer.settimeout(5)
        app.call(lambda: frame(arp(b""), ARP))
        while socket.inet_aton(DENIED) not in sniffer.recv(100):
            pass
