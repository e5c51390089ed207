"""Ways out by a namespace that is forwarded for (Docker in Docker): judged as what is sent."""
import socket
import subprocess

import pytest

from harness.packets import DENIED, DENIED6, ipv4, ipv6, udp
from harness.redteam import app, attach, attempt, behind, drain, outside, seen  # noqa: F401
from harness.sites import Sites
from harness.senders import FLOWS, raw, raw6

APP, APP6 = "10.78.0.1", "2001:db8:79::1"
INNER, INNER6 = "10.78.0.2", "2001:db8:79::2"


def forge(flow, destination):
    number, forth, _ = FLOWS[flow]
    if ":" in destination:
        raw6(ipv6(forth, number, DENIED6, destination))
    else:
        raw(ipv4(forth, number, DENIED, destination))


def answer_from(flow, source):
    number, _, back = FLOWS[flow]
    try:
        if ":" in source:
            raw6(ipv6(back, number, source, DENIED6))
        else:
            raw(ipv4(back, number, source, DENIED))
    except PermissionError:
        pass  # that is how it should be


@pytest.mark.parametrize("title", ["UDP", "UDP by IPv6", "raw UDP", "SCTP"])
def test_what_is_forwarded_is_judged(attach, app, behind, seen, title):
    attempt(behind, title)
    assert seen(5), "it shows nothing if it doesn't work without nxgate"
    attach(app)
    drain(seen)
    attempt(behind, title)
    assert not seen(0.5)


@pytest.mark.parametrize("destination", [APP, APP6])
@pytest.mark.parametrize("flow", ["UDP", "TCP, both ends open", "an unknown protocol"])
def test_a_flow_forged_from_behind_is_none(attach, app, behind, seen, flow, destination):
    """To the namespace itself, which then sends what would be an answer."""
    def go():
        behind.call(lambda: forge(flow, destination))
        app.call(lambda: answer_from(flow, destination))

    go()
    assert seen(5)
    attach(app)
    drain(seen)
    go()
    assert not seen(0.5)


def test_a_flow_forged_between_two_behind_is_none(attach, app, behind, namespace, seen):
    """With networks = true what is between them is open."""
    second = namespace("second")
    second.join(app, "10.79.0.2/24", "10.79.0.1/24", device="eth2")
    subprocess.run(["ip", "-n", second.name, "route", "add", "default", "via", "10.79.0.1"],
                   check=True)

    def go():
        second.call(lambda: forge("UDP", INNER))
        behind.call(lambda: answer_from("UDP", INNER))

    go()
    assert seen(5)
    attach(app, "networks = true")
    drain(seen)
    go()
    assert not seen(0.5)


@pytest.mark.parametrize("kind", [131, 137], ids=["loose", "strict"])
def test_a_source_route_by_the_namespace_is_none(attach, app, behind, seen, kind):
    """The header names the namespace itself, which passes it on."""
    app.run("sysctl", "-qw", "net.ipv4.conf.all.accept_source_route=1",
            "net.ipv4.conf.eth1.accept_source_route=1", check=True)
    hop = DENIED if kind == 131 else "10.77.0.1"
    option = bytes([kind, 7, 4]) + socket.inet_aton(hop) + b"\0"
    go = lambda: behind.call(lambda: raw(ipv4(udp(), options=option, destination=APP)))  # noqa: E731
    go()
    assert seen(5)
    attach(app)
    drain(seen)
    go()
    assert not seen(0.5)


def test_no_error_takes_a_forged_packet_to_its_source(attach, app, behind, seen):
    attach(app)
    behind.call(lambda: raw(ipv4(udp(), source=DENIED, destination="198.51.100.99")))
    behind.call(lambda: raw6(ipv6(udp(), source=DENIED6, destination="2001:db8:99::9")))
    assert not seen(0.5)


def test_allowed_flows_and_refusals_are_as_fast_as_before(attach, app, behind, outside):
    sites = Sites(outside, (80,))
    outside.run("ip", "route", "add", "10.78.0.0/24", "via", "10.77.0.2", check=True)
    attach(app, f'always = ["{DENIED}"]')
    with behind.call(lambda: socket.create_connection((DENIED, 80), timeout=5)) as connection:
        assert connection.recv(5) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        behind.call(lambda: socket.create_connection(("198.51.100.9", 80), timeout=5))
    sites.close()


def test_what_is_published_from_behind_is_reached(attach, app, behind, outside):
    sites = Sites(behind, (80,))
    outside.run("ip", "route", "add", "10.78.0.0/24", "via", "10.77.0.2", check=True)
    attach(app, f'always = ["{INNER}"]')
    with outside.call(lambda: socket.create_connection((INNER, 80), timeout=5)) as connection:
        assert connection.recv(5) == b"hello"
    sites.close()
