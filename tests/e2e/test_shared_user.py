"""What Linux counts by user, a process of nxgate's user can use up, in whatever container it is."""
import socket

import dns.query
import pytest

from harness.in_flight import in_flight
from harness.nxgate import addresses, make_query
from harness.sites import Sites
from harness.timing import wait_for
from harness.upstream import answer

#: Nobody else's, so that no other test is short of what is taken here.
ALONE = 60955
#: The server's limit of open files, by which Linux bounds what its user may have in flight.
FILES = 4096
NAMES = "web.test", "new.web.test", "newer.web.test"
WEB, DENIED, GATEWAY = "203.0.113.7", "203.0.113.66", "10.77.0.1"
CONFIG = f"""
[server]
user = "{ALONE}"
[upstreams.default]
servers = ["127.0.0.1:{{port}}"]
netns = "{{netns}}"
[policies.default]
allow = ["web.test", "*.web.test"]
[policies.default.egress]
"""


@pytest.fixture
def outside(namespace):
    world = namespace("outside")
    for address in (WEB, DENIED):
        world.add_address(f"{address}/32")
    sites = Sites(world, (80,))
    yield world
    sites.close()


@pytest.fixture
def app(namespace, outside):
    inside = namespace("app")
    inside.join(outside, "10.77.0.2/24", f"{GATEWAY}/24")
    inside.run("ip", "route", "add", "default", "via", GATEWAY, check=True)
    return inside


@pytest.fixture
def attach(nxgate, upstream, app, outside):
    server = upstream({name: answer(f"@ 60 A {WEB}") for name in NAMES}, namespace=outside)

    def start(**options):
        return nxgate("--netns", app.path, command="attach",
                      wrapper=("prlimit", f"--nofile={FILES}:{FILES}"),
                      config=CONFIG.format(port=server.port, netns=outside.path), **options)

    return start


def connects(app, address):
    def go():
        with socket.create_connection((address, 80), timeout=1) as connection:
            return connection.recv(100) == b"hello"

    try:
        return app.call(go)
    except OSError:
        return False


def ask(app, name):
    return app.call(lambda: dns.query.udp(make_query(name), "198.51.100.53", timeout=5))


def test_descriptors_in_flight_neither_end_it_nor_open_anything(attach, app):
    server = attach()
    with in_flight(ALONE, FILES):
        assert addresses(ask(app, "new.web.test")) == [WEB]
        assert connects(app, WEB) and not connects(app, DENIED)
        server.reload()
        app.run("ip", "link", "add", "more0", "type", "veth", "peer", "name", "more1", check=True)
        wait_for(lambda: "more0" in app.run("nft", "list", "ruleset").stdout, 5, what="the link's rules")
        server.stop()
        server = attach()
        assert addresses(ask(app, "newer.web.test")) == [WEB]
        assert connects(app, WEB) and not connects(app, DENIED)
