"""An attached namespace with a firewall, or a DNS server, of its own: both keep working, whichever comes first."""
import contextlib
import re
import socket
import subprocess
import threading

import dns.exception
import dns.message
import dns.query
import pytest

from harness.nxgate import addresses, make_query, rcode, run
from harness.timing import Stopwatch, wait_for, within
from harness.upstream import answer

ALLOWED, ADDRESS = "allowed.test", "203.0.113.7"
SILENT, SILENT6 = "198.51.100.53", "2001:db8:77::53"
SERVERS = ["127.0.0.11", SILENT, SILENT6]

#: What is allowed: DNS and lo. All else is dropped, or refused.
IPTABLES = """
for t in {0}iptables{1} {0}ip6tables{1}; do
    $t -A OUTPUT -p udp --dport 53 -j ACCEPT
    $t -A OUTPUT -p tcp --dport 53 -j ACCEPT
    $t -A OUTPUT -o lo -j ACCEPT
    $t -A OUTPUT -j {2}
    $t -A INPUT -i lo -j ACCEPT
    $t -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    $t -A INPUT -j {2}
done
"""
NFT = """
nft -f - <<END
table inet own {
    chain leaving {
        type filter hook output priority 0; policy drop
        udp dport 53 accept
        tcp dport 53 accept
        oifname lo accept
    }
    chain arriving {
        type filter hook input priority 0; policy drop
        ct state invalid drop
        iifname lo accept
        ct state established,related accept
    }
}
END
"""
FIREWALLS = {
    "iptables": IPTABLES.format("", "", "DROP"),
    "refusing": IPTABLES.format("", "", "REJECT"),
    "legacy": IPTABLES.format("", "-legacy", "DROP"),
    "nft": NFT,
    "nft, before nxgate's": NFT.replace("priority 0", "priority -250"),
    "nft, behind nxgate's": NFT.replace("priority 0", "priority 90"),
}


@pytest.fixture
def app(namespace):
    outside, inside = namespace("outside"), namespace("app")
    inside.join(outside, "10.77.0.2/24", "10.77.0.1/24")
    inside.add_address("2001:db8:77::2/64", "eth0")
    inside.outside = outside
    subprocess.run(["ip", "-n", inside.name, "route", "add", "default", "via", "10.77.0.1"], check=True)
    return inside


@pytest.fixture
def attach(nxgate, upstream, app):
    server = upstream({ALLOWED: answer(f"@ 60 A {ADDRESS}")}, namespace=app.outside)

    def start(*arguments):
        return nxgate("--netns", app.path, "--allow", ALLOWED, "--upstream",
                      f"127.0.0.1:{server.port}@{app.outside.path}", *arguments, command="attach", listen=[])

    return start


def ask(inside, server, tcp=False, qname=ALLOWED):
    send = dns.query.tcp if tcp else dns.query.udp
    return inside.call(lambda: send(make_query(qname), server, timeout=2))


def assert_gated(inside):
    for server in SERVERS:
        for tcp in (False, True):
            assert addresses(ask(inside, server, tcp)) == [ADDRESS], (server, tcp)
            assert rcode(ask(inside, server, tcp, "tired.com")) == "NXDOMAIN", (server, tcp)


@pytest.mark.parametrize("script", FIREWALLS.values(), ids=FIREWALLS)
def test_a_firewall_that_allows_dns_and_lo(attach, app, script):
    attach()
    app.run("sh", "-ec", script, check=True)
    assert_gated(app)
    with pytest.raises(OSError):
        app.call(lambda: socket.create_connection(("10.77.0.1", 80), timeout=1))


def test_one_that_was_there_before(attach, app):
    app.run("sh", "-ec", FIREWALLS["nft"], check=True)
    attach()
    assert_gated(app)


def test_its_end_is_seen_at_once_behind_one(attach, app):
    server = attach()
    app.run("sh", "-ec", FIREWALLS["iptables"], check=True)
    server.process.kill()
    server.process.wait()
    for address in SERVERS:
        with Stopwatch() as watch, pytest.raises(ConnectionRefusedError):
            app.call(connected_ask, address)
        assert watch.seconds < within(1)
        with pytest.raises(OSError):
            ask(app, address, tcp=True)
    attach()
    assert_gated(app)


def connected_ask(server, qname=ALLOWED, option=None):
    """Over a connected socket, as libc asks, which is told of errors."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        if option:
            client.setsockopt(socket.SOL_SOCKET, option, 1)
        client.settimeout(2)
        client.connect((server, 53))
        client.send(make_query(qname).to_wire())
        return dns.message.from_wire(client.recv(4096))


def test_a_datagram_without_a_checksum(attach, app):
    attach()
    no_check = 11  # SO_NO_CHECK
    assert addresses(app.call(connected_ask, SILENT, ALLOWED, no_check)) == [ADDRESS]


@contextlib.contextmanager
def own_server(inside, address, tcp=False):
    """A server at port 53 without any option, which answers one question with NOTIMP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM

    def bind():
        server = socket.socket(family, kind)
        server.bind((address, 53))
        return server

    def serve_tcp():
        connection, _ = server.accept()
        with connection:
            question = connection.recv(4096)
            connection.sendall(question[:4] + b"\x80\x04" + question[6:])

    def serve():
        question, client = server.recvfrom(4096)
        server.sendto(question[:2] + b"\x80\x04" + question[4:], client)

    with inside.call(bind) as server:
        if tcp:
            server.listen()
        thread = threading.Thread(target=serve_tcp if tcp else serve, daemon=True)
        thread.start()
        yield
        thread.join(5)
        assert not thread.is_alive(), "nobody asked it"


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("address, asked", [("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "10.77.0.2"),
                                            ("127.0.0.1", "127.0.0.1"), ("127.0.0.53", "127.0.0.53"),
                                            ("::", "::1"), ("::", "127.0.0.1"), ("::1", "::1")])
def test_a_dns_server_that_starts_in_there_later(attach, app, address, asked, tcp):
    attach()
    with own_server(app, address, tcp):
        assert_gated(app)
        assert rcode(ask(app, asked, tcp)) == "NOTIMP"


def section(text, name):
    return re.search(rf"^{name} +(.*)$", re.sub(r"\n {13}", " ", text), re.M)[1]


def test_doctor_names_the_rules_that_keep_queries_from_it(attach, app):
    server = attach()
    app.resolv_conf(f"nameserver {SILENT}\noptions timeout:1 attempts:1\n")
    app.run("nft", "add table inet own; add chain inet own leaving { type filter hook output priority 0; policy drop; }",
            check=True)
    text = run("doctor", app.path).stdout
    told = section(text, "diagnosis")
    assert "dropped by a rule in this namespace" in told
    assert f"It is attached by the nxgate with pid {server.pid}." in told
    assert "chain leaving of table inet own (policy drop)" in told
    assert "port 53" in section(text, "fix") and "nxgate attach" not in text


def test_doctor_knows_a_gate_that_was_left(attach, app):
    server = attach()
    app.resolv_conf(f"nameserver {SILENT}\noptions timeout:1 attempts:1\n")
    server.process.kill()
    server.process.wait()
    text = run("doctor", app.path).stdout
    assert f"attached by an nxgate that has ended (pid {server.pid})" in section(text, "diagnosis")
    assert section(text, "fix") == f"start nxgate again, or: nxgate detach --netns {app.path}"


@pytest.mark.parametrize("network", [None, "app_net"])
def test_in_a_container(engine, nxgate, upstream, network):
    server = upstream({ALLOWED: answer(f"@ 60 A {ADDRESS}")}, namespace=engine.outside, address="10.99.0.1")
    web = engine.run("web", network=engine.network(network) if network else None)
    nxgate("web", "--engine", engine.socket, "--allow", ALLOWED, "--upstream",
           f"10.99.0.1:{server.port}@{engine.outside.path}", command="attach", listen=[])
    subprocess.run(["nsenter", "-t", str(web.pid), "-n", "sh", "-ec", FIREWALLS["iptables"]], check=True)
    done = web.run("getent", "ahosts", ALLOWED)
    assert ADDRESS in done.stdout, done
    done, seconds = web.timed("getent", "ahosts", "tired.com")
    assert done.returncode == 2 and seconds < within(1)
    assert wait_for(lambda: ADDRESS in web.run("dig", "+tcp", "+short", "@8.8.8.8", ALLOWED).stdout)
