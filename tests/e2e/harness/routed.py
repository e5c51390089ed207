"""A namespace with a default route, and what can be reached beyond it: a site that names lead to and one that none does."""
import socket

import dns.query
import pytest

from harness.nxgate import make_query
from harness.sites import Sites

WEB, DENIED, GATEWAY = "203.0.113.7", "203.0.113.66", "10.77.0.1"
#: Nobody is there: whoever answers is nxgate, inside.
RESOLVER = "198.51.100.53"


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


def connects(app, address):
    def go():
        with socket.create_connection((address, 80), timeout=1) as connection:
            return connection.recv(100) == b"hello"

    try:
        return app.call(go)
    except OSError:
        return False


def ask(app, name="web.test", timeout=5):
    return app.call(lambda: dns.query.udp(make_query(name), RESOLVER, timeout=timeout))
