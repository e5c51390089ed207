"""Servers that are named by an address of one link, and servers that turn out to be nxgate itself."""
import json
import socket

import pytest
from harness.netns import ip
from harness.nxgate import addresses, make_query, rcode, run
from harness.timing import wait_for
from harness.upstream import answer

GOOD = {"*": answer("@ 60 A 192.0.2.1")}
FAR = "fe80::53%eth0"


def reaches_server():
    try:
        socket.create_connection((FAR, 53), timeout=3).close()
    except OSError:
        return False
    return True


@pytest.fixture
def near(namespace, upstream):
    """A namespace whose link eth0 leads to a server that has nothing but a link-local address."""
    inside, far = namespace("near"), namespace("far")
    inside.join(far, "fe80::1/64", "fe80::53/64")
    inside.server = upstream(GOOD, address=FAR, port=53, namespace=far)
    wait_for(lambda: inside.call(reaches_server), what="the link, which takes a second after it is up")
    return inside


def explained(server, qname="a.x.test"):
    return server.operate("explain", qname).stdout


def test_a_link_local_server_of_a_namespace_is_asked_by_its_interface(nxgate, near):
    server = nxgate("--allow", "x.test", "--upstream", f"{FAR}@{near.path}")
    assert addresses(server.query("a.x.test")) == ["192.0.2.1"]
    assert near.server.count("a.x.test") == 1
    assert f"[fe80::53%eth0]:53@{near.path}" in server.log_text()
    assert "[fe80::53%eth0]:53" in explained(server)
    status = json.loads(server.operate("status", "--json").stdout)
    assert "[fe80::53%eth0]:53" in json.dumps(status)


@pytest.mark.parametrize("address", ["[fe80::53%eth0]:53", "tcp://fe80::53%eth0", "fe80::53%INDEX"])
def test_each_way_to_write_it(nxgate, near, address):
    link, = json.loads(near.run("ip", "-j", "link", "show", "eth0", check=True).stdout)
    address = address.replace("INDEX", str(link["ifindex"]))
    server = nxgate("--allow", "x.test", "--upstream", f"{address}@{near.path}")
    assert addresses(server.query("a.x.test")) == ["192.0.2.1"]


def test_a_link_local_server_of_resolv_conf_is_asked(nxgate, near):
    near.resolv_conf(f"nameserver {FAR}")
    server = nxgate("--allow", "x.test", namespace=near)
    response = near.call(lambda: server.ask(make_query("a.x.test")))
    assert addresses(response) == ["192.0.2.1"] and near.server.count("a.x.test") == 1
    assert "[fe80::53%eth0]:53" in server.log_text()


def test_an_interface_that_is_missing_is_said_and_may_come_back(nxgate, near):
    server = nxgate("--allow", "x.test", "--upstream", f"{FAR}@{near.path}")
    ip("-n", near.name, "link", "set", "eth0", "name", "other0")
    assert rcode(server.query("a.x.test")) == "SERVFAIL"
    server.wait_for_log(r"upstream \[fe80::53%eth0\]:53@.*: no interface has this name or index")
    ip("-n", near.name, "link", "set", "other0", "name", "eth0")
    ip("-n", near.name, "link", "set", "eth0", "up")
    wait_for(lambda: addresses(server.query("b.x.test")), timeout=20, what="the interface's return")


@pytest.fixture
def host(namespace):
    """A namespace with two addresses of one network, of which the second is no source by itself."""
    inside, beside = namespace("host"), namespace("beside")
    inside.join(beside, "192.0.2.7/24", "192.0.2.8/24")
    for address in ("192.0.2.53/24", "2001:db8::7/64", "fe80::7/64"):
        inside.add_address(address, "eth0")
    return inside


@pytest.mark.parametrize("listen, own", [
    ("0.0.0.0", "192.0.2.7"), ("0.0.0.0", "192.0.2.53"), ("0.0.0.0", "127.0.0.2"), ("[::]", "2001:db8::7"),
    ("[::]", "fe80::7%eth0"), ("[::]", "::1")])
@pytest.mark.parametrize("where", ["own namespace", "named namespace"])
def test_a_server_that_is_one_of_our_addresses_is_refused(host, tmp_path, listen, own, where):
    file = tmp_path / "n.toml"
    inside = where == "own namespace"
    netns = "" if inside else host.name
    listener = listen if inside else f"{listen}@{netns}"
    file.write_text(f"""[server]
listen = ["{listener}"]
[upstreams.default]
servers = ["192.0.2.99", "{own}"]
{"" if inside else f'netns = "{netns}"'}
""")
    done = run("check", file, namespace=host if inside else None)
    assert done.returncode != 0
    assert f"{file}:4:26: " in done.stderr and "is nxgate itself" in done.stderr, done.stderr
    assert "192.0.2.99" not in done.stderr


def test_a_server_of_resolv_conf_that_is_one_of_our_addresses_is_skipped(nxgate, host):
    host.resolv_conf("nameserver 192.0.2.53\nnameserver 198.51.100.1\n")
    server = nxgate("--allow", "x.test", namespace=host, listen=["0.0.0.0:53"])
    assert "/etc/resolv.conf:1:1: warning: nameserver 192.0.2.53 is nxgate itself and is ignored" in server.log_text()
    assert "198.51.100.1:53" in explained(server) and "192.0.2.53:53" not in explained(server)


def test_a_reload_notices_it_too(nxgate, host):
    """Without the rights to enter the namespace, which the helper process has."""
    config = f"""[server]
listen = ["0.0.0.0:53@{host.name}"]
[upstreams.default]
netns = "{host.name}"
servers = ["SERVER"]
"""
    server = nxgate(config=config.replace("SERVER", "192.0.2.99"))
    server.write_config(config.replace("SERVER", "192.0.2.53"))
    server.wait_for_log(r"nxgate.toml:5:12: \"192\.0\.2\.53:53\" is nxgate itself")
