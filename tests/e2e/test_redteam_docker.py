"""The same ways out, inside containers of a real engine: with its default capabilities, and with none."""
import select
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness.engine import ENGINE_CONFIG
from harness.packets import COLLECTOR_PORT, DENIED6, MARKER
from harness.upstream import answer
from harness.senders import HOP, HOP6
from harness.wayout import ATTEMPTS, Rights

TESTS = Path(__file__).parent
#: With Python, which the image doesn't have.
PROGRAMS = [Path(path) for path in ("/usr", "/lib", "/lib64", "/bin") if Path(path).exists()]
UNPRIVILEGED = ("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "65534")
#: What the engine's own rules keep back: conntrack waits for the first fragment.
KEPT = {"a later fragment alone"}
#: All that any attempt asks for is open at once: what holds then holds with less.
CONFIG = ENGINE_CONFIG + """
[policies.default]
allow = ["web.test"]

[policies.default.egress]
check-names = []
networks = true
always = ["{hop}", "{hop6}"]
"""


@pytest.fixture
def network(engine):
    """With IPv6, and the collector at the engine's host."""
    engine.host.run("ip", "address", "replace", f"{DENIED6}/128", "dev", "lo", "nodad", check=True)
    with engine.host.call(lambda: socket.create_server((DENIED6, COLLECTOR_PORT),
                                                       family=socket.AF_INET6)):
        yield engine.network("app_net", "--ipv6", "--subnet", "2001:db8:78::/64")
    engine.host.run("ip", "address", "del", f"{DENIED6}/128", "dev", "lo", check=True)


@pytest.fixture
def seen(engine):
    """Whether the marker leaves a container within a moment."""
    with engine.host.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                                socket.htons(3))) as sniffer:
        def look(seconds):
            deadline = time.monotonic() + seconds
            while select.select([sniffer], [], [], max(0, deadline - time.monotonic()))[0]:
                frame, where = sniffer.recvfrom(65535)
                if where[0].startswith("veth") and where[2] != socket.PACKET_OUTGOING and \
                        MARKER in frame:
                    return True
            return False

        yield look


def attempt(container, title):
    done = subprocess.run(["docker", "-H", f"unix://{container.engine.socket}", "exec", "-w",
                           "/tests", container.name, "/usr/bin/python3", "-m", "harness.wayout",
                           title], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("options, attempts", [
    ((), [each for each in ATTEMPTS if each.title not in KEPT]),
    (UNPRIVILEGED, [each for each in ATTEMPTS if each.rights == Rights.NONE]),
], ids=["default capabilities", "no right"])
def test_every_way_out_is_closed_in_a_container(engine, nxgate, upstream, network, seen, options,
                                                attempts):
    volumes = [word for path in PROGRAMS for word in ("-v", f"{engine.source(path.resolve())}:{path}:ro")]

    def run(name):
        container = engine.run(name, *options, *volumes, "-v", f"{engine.source(TESTS)}:/tests:ro",
                               network=network)
        time.sleep(2)  # its address of IPv6 is being tried
        return container

    free, stays = run("free"), []
    for each in attempts:
        attempt(free, each.title)
        if not seen(5):
            stays.append(each.title)
        while seen(0.1):
            pass
    assert stays == [], "it shows nothing if it doesn't work without nxgate"
    web = run("web")  # no flow of which is known
    server = upstream({"web.test": answer("@ 60 A 203.0.113.7")}, namespace=engine.outside,
                      address="10.99.0.1")
    nxgate("web", command="attach", config=CONFIG.format(
        port=server.port, netns=engine.outside.path, socket=engine.socket, hop=HOP, hop6=HOP6))
    while seen(1):
        pass
    got_out = []
    for each in attempts:
        attempt(web, each.title)
        if seen(0.5):
            got_out.append(each.title)
        while seen(0.1):
            pass
    assert got_out == []
