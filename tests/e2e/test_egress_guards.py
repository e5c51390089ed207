"""What the rules about sources, neighbours and frames must let pass: all that an honest namespace does."""
import select
import socket
import subprocess
import time

import pytest

from harness.packets import DENIED, DENIED6, IPV4, MARKER, ipv4, udp
from harness.redteam import app, attach, outside  # noqa: F401
from harness.sites import Sites
from harness.timing import wait_for

LATE, LATE_PEER = "2001:db8:70::2", "2001:db8:70::1"


@pytest.fixture
def sites(outside, app):
    made = Sites(outside, (80,))
    yield made
    made.close()


def greeted(inside, address, port=80):
    with inside.call(lambda: socket.create_connection((address, port), timeout=5)) as connection:
        return connection.recv(5)


def forget_neighbours(*namespaces):
    for each in namespaces:
        subprocess.run(["ip", "-n", each.name, "neigh", "flush", "dev", "eth0"], check=True)


@pytest.mark.parametrize("address", [DENIED, DENIED6])
def test_neighbours_are_found_by_both_sides(attach, app, outside, sites, address):
    attach(app, f'always = ["{address}"]')
    forget_neighbours(app, outside)
    assert greeted(app, address) == b"hello"


@pytest.mark.parametrize("address", ["10.77.0.2", "2001:db8:77::2"])
def test_who_connects_from_outside_is_answered(attach, app, outside, address):
    inner = Sites(app, (8080,))
    attach(app)
    forget_neighbours(app, outside)
    assert greeted(outside, address, 8080) == b"hello"
    inner.close()


def test_an_address_of_ipv6_that_is_added_later(attach, app, outside, sites):
    """It is tried for duplicates, announced, and found."""
    attach(app, f'always = ["{LATE_PEER}"]')
    inner = Sites(app, (8080,))
    outside.add_address(f"{LATE_PEER}/64", "eth0")
    subprocess.run(["ip", "-n", app.name, "addr", "add", f"{LATE}/64", "dev", "eth0"], check=True)
    wait_for(lambda: "tentative" not in app.run("ip", "-6", "addr", "show", "dev", "eth0").stdout)
    assert greeted(app, LATE_PEER) == b"hello"
    time.sleep(1.5)  # the network is known, and near, within a second
    forget_neighbours(app, outside)
    assert greeted(outside, LATE, 8080) == b"hello"
    inner.close()


def test_a_switch_learns_which_solicited_node_group_is_listened_to(attach, app, outside):
    attach(app)
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff70:77")
    with outside.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                            socket.htons(3))) as sniffer:
        app.add_address("2001:db8:77::70:77/64", "eth0")
        deadline = time.monotonic() + 5
        while select.select([sniffer], [], [], max(0, deadline - time.monotonic()))[0]:
            if group in sniffer.recv(2000)[54:]:
                return
    raise AssertionError("no report of the group")


def test_an_own_duplicate_is_noticed(attach, app, outside):
    """The other side says that the address is its own; that comes in."""
    attach(app)
    outside.add_address("2001:db8:77::99/64", "eth0")
    subprocess.run(["ip", "-n", app.name, "addr", "add", "2001:db8:77::99/64", "dev", "eth0"],
                   check=True)
    wait_for(lambda: "dadfailed" in app.run("ip", "-6", "addr", "show", "dev", "eth0").stdout)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.77.0.2", "::1", "2001:db8:77::2"])
def test_the_namespace_reaches_itself(attach, app, address):
    inner = Sites(app, (8080,))
    attach(app)
    assert greeted(app, address, 8080) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        greeted(app, address, 8081)
    inner.close()


def test_a_closed_port_of_its_own_says_so_over_udp(attach, app):
    attach(app)

    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.connect(("10.77.0.2", 8081))
            s.send(b"x")
            s.recv(10)

    with pytest.raises(ConnectionRefusedError):
        app.call(ask)


@pytest.mark.parametrize("family, address", [(socket.AF_INET, "203.0.113.9"),
                                             (socket.AF_INET6, "2001:db8:66::9")])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_refused_at_once(attach, app, family, address, kind):
    attach(app)

    def go():
        with socket.socket(family, kind) as s:
            s.settimeout(5)
            s.connect((address, 9))
            s.send(b"x")
            s.recv(1)

    began = time.monotonic()
    with pytest.raises((ConnectionRefusedError, PermissionError)):
        app.call(go)
    assert time.monotonic() - began < 0.5


def test_multicast_that_is_open_comes_back_to_its_sender(attach, app):
    """Looped back by the kernel, with a source of ours, on the link."""
    attach(app, 'always = ["224.0.0.251"]')

    def go():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            listener.settimeout(5)
            listener.bind(("224.0.0.251", 5353))
            group = socket.inet_aton("224.0.0.251") + socket.inet_aton("10.77.0.2")
            listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                              socket.inet_aton("10.77.0.2"))
            sender.sendto(b"hello", ("224.0.0.251", 5353))
            return listener.recv(10)

    assert app.call(go) == b"hello"


def test_two_networks_and_who_comes_by_either(attach, app, outside, namespace):
    other = namespace("other")
    app.join(other, "10.80.0.2/24", "10.80.0.1/24", device="eth1")
    inner, sites = Sites(app, (8080,)), Sites(other, (80,))
    attach(app, "networks = true")
    assert greeted(app, "10.80.0.1") == b"hello"
    assert greeted(other, "10.80.0.2", 8080) == b"hello"
    assert greeted(outside, "10.77.0.2", 8080) == b"hello"
    inner.close()
    sites.close()


@pytest.fixture
def bridged(namespace, app):
    """Two containers on a bridge in there, as of Docker in Docker."""
    for words in ("add br0 type bridge", "set br0 up"):
        subprocess.run(["ip", "-n", app.name, "link", *words.split()], check=True)
    made = []
    for number in (2, 3):
        each = namespace(f"inner{number}")
        subprocess.run(["ip", "-n", app.name, "link", "add", f"veth{number}", "master", "br0", "type", "veth",
                        "peer", "name", "eth0", "netns", each.name], check=True)
        subprocess.run(["ip", "-n", app.name, "link", "set", f"veth{number}", "up"], check=True)
        subprocess.run(["ip", "-n", each.name, "link", "set", "eth0", "up"], check=True)
        for address in (f"10.90.0.{number}/24", f"2001:db8:90::{number}/64"):
            each.add_address(address, "eth0")
        made.append(each)
    app.add_address("10.90.0.1/24", "br0")
    app.add_address("2001:db8:90::1/64", "br0")
    return made


@pytest.mark.parametrize("address", ["10.90.0.3", "2001:db8:90::3"])
@pytest.mark.parametrize("judged", [0, 1], ids=["by the bridge alone", "by IP too"])
def test_containers_on_a_bridge_inside_reach_each_other(attach, app, bridged, address, judged):
    sites = Sites(bridged[1], (80,))
    attach(app, "networks = true")
    app.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-iptables={judged}",
            f"net.bridge.bridge-nf-call-ip6tables={judged}", check=False)
    assert greeted(bridged[0], address) == b"hello"
    sites.close()


def test_a_packet_socket_does_not_reach_them(attach, app, bridged):
    """Neither by the bridge nor by a port of it."""
    def send(link):
        packet = ipv4(udp(), source="10.90.0.1", destination="10.90.0.2")
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as s:
            s.sendto(packet, (link, IPV4, 0, 0, b"\xff" * 6))

    with bridged[0].call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))) as sniffer:
        def seen(seconds):
            while select.select([sniffer], [], [], seconds)[0]:
                if MARKER in sniffer.recv(2000):
                    return True
            return False

        for link in ("br0", "veth2"):
            app.call(send, link)
            assert seen(5), "it shows nothing if it doesn't work without nxgate"
        attach(app, "networks = true")
        for link in ("br0", "veth2"):
            with pytest.raises(OSError):
                app.call(send, link)
        assert not seen(0.5)
