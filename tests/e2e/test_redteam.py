"""Every known way out of a namespace with a firewall, tried.

Each attempt carries a marker towards an address that no allowed name leads to, while a packet socket
outside looks for it. The same attempt gets through without nxgate, or the test would show nothing.
docs/threat-model.md says what is left open.
"""
import errno
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import dns.query
import pytest

from harness import wayout
from harness.nxgate import addresses, make_query, rcode
from harness.packets import DENIED, DENIED6, MARKER
from harness.upstream import answer
from harness.wayout import ATTEMPTS, Outcome, Rights, datagram

GATEWAY = "10.77.0.1"
TESTS = Path(__file__).parent
#: What the kernel says of what doesn't leave.
REFUSALS = {errno.EPERM, errno.ECONNREFUSED, errno.EACCES, errno.EHOSTUNREACH, errno.ENETUNREACH}
NOT_SENT = {errno.ENOBUFS}
#: As an unprivileged user that can't become anything else.
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "-all",
          "--bounding-set", "-all", "--no-new-privs")


@pytest.fixture
def outside(namespace):
    world = namespace("outside")
    world.add_address(f"{DENIED}/32")
    world.add_address(f"{DENIED6}/128")
    with world.call(lambda: socket.create_server((DENIED6, 5000), family=socket.AF_INET6)):
        yield world


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

    def start(inside, egress=""):
        return nxgate("--netns", inside.path, command="attach", config=f"""
[upstreams.default]
servers = ["127.0.0.1:{server.port}"]
netns = "{outside.path}"
[policies.default]
allow = ["web.test"]
[policies.default.egress]
{egress}
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


def attempt(inside, title, *user):
    """The error of the kernel, if there was one."""
    done = subprocess.run(["nsenter", f"--net={inside.path}", *user, sys.executable, "-m",
                           "harness.wayout", title], cwd=TESTS, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout or 0)


def as_whom(rights):
    return [(), NOBODY] if rights == Rights.NONE else [()]


@pytest.mark.parametrize("tried", ATTEMPTS, ids=lambda tried: tried.title)
def test_a_way_out_is_closed(attach, app, seen, tried):
    for user in as_whom(tried.rights):
        attempt(app, tried.title, *user)
        assert seen(5), "it shows nothing if it doesn't work without nxgate"
    attach(app, tried.egress)
    while seen(tried.echo):
        pass  # what comes more than once
    for user in as_whom(tried.rights):
        error = attempt(app, tried.title, *user)
        assert not seen(0.5)
        told = {Outcome.REFUSED: REFUSALS, Outcome.LINK: NOT_SENT}.get(tried.outcome)
        assert told is None or error in told, error


def test_tcp_is_refused_before_any_data(attach, app):
    attach(app)
    with pytest.raises(ConnectionRefusedError):
        app.call(wayout.fast_open)
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
    attempt(behind, "UDP")
    assert seen(5)
    attach(app)
    attempt(behind, "UDP")
    assert not seen(0.5)
