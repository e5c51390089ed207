"""Connections of clients behind a host are seen by their addresses."""
import json
import socket

import pytest
from harness.tls import TlsServer, tls_client
from test_egress_host import WEB, ask, client, firewalled, outside, router  # noqa: F401 (fixtures)


@pytest.fixture
def site(outside):
    server = TlsServer(outside, WEB)
    yield server
    server.close()


def connect(inside, name):
    """Open until it is closed."""
    def go():
        plain = socket.create_connection((WEB, 443), timeout=5)
        inner = tls_client().wrap_socket(plain, server_hostname=name)
        inner.recv(100)
        return inner
    return inside.call(go)


def verdict(server, name, who, *arguments):
    told = server.operate("explain", "--connect", name, "--client", who, "--json", *arguments).stdout
    return json.loads(told)["verdict"]


def test_a_client_of_a_range(client, firewalled, site):
    server = firewalled()
    server.write_config(server.text().replace("check-names = []", ""))
    assert "reloaded" in server.reload()
    mine, other = client("c1", "10.5.0.2", "10.5.0.1"), client("c2", "10.5.1.2", "10.5.1.1")
    for inside, gateway in ((mine, "10.5.0.1"), (other, "10.5.1.1")):
        assert ask(inside, server, "web.test", gateway).answer
    with connect(mine, "web.test"):
        open_one, = json.loads(server.operate("connections", "--json").stdout)["connections"]
        assert open_one["client"].startswith("10.5.0.2:") and open_one["policy"] == "ci"
        assert "container" not in open_one
    assert verdict(server, "web.test", "10.5.0.2", "--address", WEB) == "allowed"
    assert verdict(server, "web.test", "10.5.0.2").startswith("allowed at an address")
    assert "wasn't told" in verdict(server, "other.test", "10.5.0.2", "--address", WEB)
    assert "wasn't told" in verdict(server, "web.test", "10.5.2.2", "--address", WEB)
    assert "no firewall" in verdict(server, "web.test", "10.5.7.2")
