"""Namespaces in which ways out are tried: a firewall, what is behind it, and who looks outside."""
import errno
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.packets import COLLECTOR_PORT, DENIED, DENIED6, MARKER
from harness.upstream import answer
from harness.senders import datagram

GATEWAY = "10.77.0.1"
TESTS = Path(__file__).parents[1]
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
    with world.call(lambda: socket.create_server((DENIED6, COLLECTOR_PORT), family=socket.AF_INET6)):
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
def behind(namespace, app):
    """A namespace that `app` forwards for, as a container does with containers of its own."""
    inner = namespace("behind")
    inner.join(app, "10.78.0.2/24", "10.78.0.1/24", device="eth1")
    inner.add_address("2001:db8:79::2/64", "eth1")
    app.add_address("2001:db8:79::1/64", "eth1")
    for family, gateway in (("-4", "10.78.0.1"), ("-6", "2001:db8:79::1")):
        subprocess.run(["ip", family, "-n", inner.name, "route", "add", "default", "via", gateway],
                       check=True)
    app.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", check=True)
    return inner


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
check-names = []
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


def drain(seen, seconds=0.1):
    """Until nothing more comes."""
    while seen(seconds):
        pass
