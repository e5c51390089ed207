"""`nxgate attach` to plain network namespaces: whatever server a program asks, nxgate answers."""
import os
import re
import signal
import socket
import subprocess
import time

import dns.message
import dns.query
import pytest

from harness.nxgate import Nxgate, addresses, free_port, make_query, rcode, run
from harness.upstream import answer

ALLOWED = "allowed.test"
SILENT = "198.51.100.53"


@pytest.fixture
def outside(namespace):
    """Where the upstream lives, out of reach for whoever is attached."""
    return namespace("outside")


@pytest.fixture
def app(namespace, outside):
    """A namespace with a network on which nobody answers."""
    inside = namespace("app")
    inside.join(outside, "10.77.0.2/24", "10.77.0.1/24")
    subprocess.run(["ip", "-n", inside.name, "route", "add", "default", "via", "10.77.0.1"],
                   check=True)
    return inside


@pytest.fixture
def attach(nxgate, upstream, outside):
    """attach(namespace, ...): nxgate, attached, with one allowed name."""
    server = upstream({ALLOWED: answer("@ 60 A 203.0.113.7")}, namespace=outside)

    def start(inside, *arguments):
        return nxgate("--netns", inside.path, "--allow", ALLOWED, "--upstream",
                      f"127.0.0.1:{server.port}@{outside.path}", *arguments, command="attach",
                      listen=[])

    return start


def ask(inside, qname, server, tcp=False, timeout=2):
    """One question from inside, and the answer."""
    send = dns.query.tcp if tcp else dns.query.udp
    return inside.call(lambda: send(make_query(qname), server, timeout=timeout))


def connected_ask(server):
    """As libc asks: over a connected socket, which is told of refusals."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.connect((server, 53))
        client.send(make_query(ALLOWED).to_wire())
        return client.recv(4096)


def rules(inside):
    return inside.run("nft", "list", "ruleset", check=True).stdout


@pytest.mark.parametrize("server", ["127.0.0.11", SILENT])
@pytest.mark.parametrize("tcp", [False, True])
def test_any_server_is_nxgate(attach, app, server, tcp):
    attach(app)
    assert rcode(ask(app, "tired.com", server, tcp)) == "NXDOMAIN"
    assert addresses(ask(app, ALLOWED, server, tcp)) == ["203.0.113.7"]


@pytest.mark.parametrize("tcp", [False, True])
def test_ipv6_servers_too(attach, app, outside, tcp):
    app.add_address("2001:db8:77::2/64", "eth0")
    outside.add_address("2001:db8:77::1/64", "eth0")
    attach(app)
    assert rcode(ask(app, "tired.com", "2001:db8:77::53", tcp)) == "NXDOMAIN"


def test_without_any_route(attach, namespace):
    lonely = namespace("lonely")
    attach(lonely)
    assert addresses(ask(lonely, ALLOWED, SILENT)) == ["203.0.113.7"]


def test_what_has_no_route_still_fails_at_once(attach, namespace):
    lonely = namespace("lonely")
    attach(lonely)
    began = time.monotonic()
    with pytest.raises(OSError):
        lonely.call(lambda: socket.create_connection(("192.0.2.1", 443), timeout=5))
    assert time.monotonic() - began < 2


def test_a_server_of_ones_own_is_left_alone(attach, app, upstream):
    own = upstream({"mine.test": answer("@ 60 A 10.0.0.9")}, namespace=app, address="0.0.0.0",
                   port=53)
    attach(app)
    assert addresses(ask(app, "mine.test", "127.0.0.1")) == ["10.0.0.9"]
    assert addresses(ask(app, "mine.test", "10.77.0.2")) == ["10.0.0.9"]
    assert own.count("mine.test") == 2
    assert rcode(ask(app, "mine.test", SILENT)) == "NXDOMAIN"


def test_a_socket_that_asked_before_is_caught(attach, app):
    query = make_query("tired.com").to_wire()

    def early_socket():
        early = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        early.settimeout(2)
        early.connect((SILENT, 53))
        early.send(query)
        return early

    with app.call(early_socket) as early:
        attach(app)
        early.send(query)
        assert rcode(dns.message.from_wire(early.recv(4096))) == "NXDOMAIN"


def test_nobody_inside_can_share_the_listeners_port(attach, app):
    attach(app)
    port = int(re.search(r"udp dport set (\d+)", rules(app))[1])

    def bind(*options):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rival:
            for option in options:
                rival.setsockopt(socket.SOL_SOCKET, option, 1)
            rival.bind(("127.0.0.1", port))

    for options in [(), (socket.SO_REUSEADDR,), (socket.SO_REUSEPORT,)]:
        with pytest.raises(OSError):
            app.call(bind, *options)


def test_a_marked_packet_gets_no_further(attach, app, outside):
    attach(app)

    def marked():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0x4E58)
            client.settimeout(2)
            client.sendto(make_query("tired.com").to_wire(), (SILENT, 53))
            return client.recv(4096)

    assert rcode(dns.message.from_wire(app.call(marked))) == "NXDOMAIN"


def test_a_packet_socket_gets_no_further(attach, app, outside):
    """The question goes out by AF_PACKET, past every hook for IP."""
    attach(app)
    outside.add_address(f"{SILENT}/32")
    listener = outside.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    listener.bind((SILENT, 53))
    listener.settimeout(0.5)
    peer = outside.run("cat", "/sys/class/net/eth0/address", check=True).stdout.strip()

    def send():
        packet = udp_packet("10.77.0.2", SILENT, 53, b"question")
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as raw:
            raw.sendto(packet, ("eth0", 0x0800, 0, 0, bytes.fromhex(peer.replace(":", ""))))

    with listener:
        with pytest.raises(OSError):
            app.call(send)
        with pytest.raises(TimeoutError):
            listener.recv(100)


def udp_packet(source, target, port, payload):
    """An IPv4 packet with a UDP datagram, whose own checksum may stay out."""
    udp = b"".join(part.to_bytes(2, "big") for part in (4000, port, 8 + len(payload), 0)) + payload
    head = bytearray(b"\x45\0" + (20 + len(udp)).to_bytes(2, "big") + b"\0\0\0\0\x40\x11\0\0" +
                     socket.inet_aton(source) + socket.inet_aton(target))
    total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
    total = (total & 0xFFFF) + (total >> 16)
    head[10:12] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes(head) + udp


def test_detaching_leaves_no_trace(attach, app):
    def state():
        return rules(app), app.run("ip", "route", "show", "table", "all", check=True).stdout

    before = state()
    server = attach(app)
    assert state() != before
    server.stop()
    assert state() == before


def test_killed_it_stays_closed_until_detached(attach, app):
    server = attach(app)
    server.process.kill()
    server.process.wait()
    with pytest.raises(ConnectionRefusedError):
        app.call(connected_ask, SILENT)
    with pytest.raises(ConnectionRefusedError):
        app.call(connected_ask, "127.0.0.11")
    with pytest.raises(ConnectionRefusedError):
        ask(app, ALLOWED, "127.0.0.11", tcp=True)
    done = run("detach", "--netns", app.path)
    assert done.returncode == 0, done.stderr
    assert "nxgate" not in rules(app)
    assert "was not attached" in run("detach", "--netns", app.path).stdout


def test_killed_it_opens_if_told_so(attach, app):
    server = attach(app, "--fail", "open")
    assert rcode(ask(app, "tired.com", SILENT)) == "NXDOMAIN"
    server.process.kill()
    server.process.wait()
    wait_until(lambda: "nxgate" not in rules(app))


def test_the_next_start_replaces_what_was_left_there_and_nothing_else(attach, app, namespace):
    other = namespace("other")
    for inside in (app, other):
        server = attach(inside)
        server.process.kill()
        server.process.wait()
    attach(app)
    assert rcode(ask(app, "tired.com", SILENT)) == "NXDOMAIN"
    assert "nxgate" in rules(other), "it stays closed until somebody opens it"
    assert "detached" in run("detach", "--netns", other.path).stdout
    assert "nxgate" not in rules(other)


def test_two_do_not_fight_over_one_namespace(attach, app):
    first = attach(app)
    second = run("attach", "--netns", app.path, "--allow", ALLOWED)
    assert second.returncode == 1
    assert f"already attached by the nxgate with pid {first.pid}" in second.stderr
    held = run("detach", "--netns", app.path)
    assert held.returncode == 1
    assert f"held by the nxgate with pid {first.pid}" in held.stderr


def test_rules_that_somebody_flushed_come_back(attach, app):
    server = attach(app)
    app.run("nft", "flush", "ruleset", check=True)
    server.wait_for_log("nxgate's rules were removed by another program; they have been restored")
    assert rcode(ask(app, "tired.com", SILENT)) == "NXDOMAIN"


def test_a_process_names_its_namespace_until_it_ends(nxgate, app):
    process = app.popen("sleep", "1000")
    try:
        wait_until(lambda: os.readlink(f"/proc/{process.pid}/ns/net") !=
                   os.readlink("/proc/self/ns/net"))
        server = nxgate("--pid", process.pid, command="attach", listen=[])
        assert rcode(ask(app, "tired.com", SILENT)) == "NXDOMAIN"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    server.wait_for_log(f"detached pid {process.pid}")
    assert "table inet nxgate" in rules(app), "something else may run in there still"
    with pytest.raises((OSError, dns.exception.Timeout)):
        ask(app, "tired.com", SILENT)


def test_a_process_that_moves_to_another_namespace_opens_none(nxgate, app):
    process = app.popen("sh", "-c", "trap 'exec unshare --net sleep 1000' USR1; while :; do sleep 0.1; done")
    try:
        wait_until(lambda: os.readlink(f"/proc/{process.pid}/ns/net") !=
                   os.readlink("/proc/self/ns/net"))
        server = nxgate("--pid", process.pid, command="attach", listen=[])
        process.send_signal(signal.SIGUSR1)
        server.wait_for_log(f"detached pid {process.pid}, which has ended")
        assert "table inet nxgate" in rules(app)
    finally:
        process.kill()
        process.wait()


def wait_until(holds, timeout=5):
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_namespace_that_is_made_anew_is_attached_again(attach, app):
    server = attach(app)
    app.delete()
    server.wait_for_log("detached")
    since = len(server.log)
    app.recreate()
    server.wait_for_log("attached", since=since)
    assert rcode(ask(app, "tired.com", SILENT)) == "NXDOMAIN"


def test_nothing_is_left_open(attach, app):
    server = attach(app)
    before = server.descriptors()
    for _ in range(3):
        since = len(server.log)
        app.delete()
        server.wait_for_log("detached", since=since)
        since = len(server.log)
        app.recreate()
        server.wait_for_log("attached", since=since)
    wait_until(lambda: server.descriptors() <= before)


def test_it_gives_up_what_it_does_not_need(attach, app):
    server = attach(app)
    status = open(f"/proc/{server.pid}/status").read()
    assert not re.search(r"^Uid:\s+0\s", status, re.M)
    kept = int(re.search(r"CapEff:\s+(\w+)", status)[1], 16)
    assert kept == 0


@pytest.mark.parametrize("arguments, words", [
    ([], "expected a CONTAINER, --pid N or --netns NETNS"),
    (["--netns", "no-such"], "no such network namespace: no-such"),
    (["--netns", "/proc/self/ns/net"], "the host's network"),
    (["--netns", "x", "--policy", "nope"], '"nope": no such policy'),
    (["--netns", "x", "--fail", "maybe"], '"closed", "open"'),
])
def test_what_cannot_be_is_said(arguments, words):
    done = run("attach", *arguments)
    assert done.returncode != 0
    assert words in done.stderr


def test_an_engine_that_is_not_there_is_said(directory):
    done = run("attach", "web", env={"DOCKER_HOST": f"unix://{directory}/none.sock"})
    assert done.returncode == 1
    assert "there is no Docker engine at" in done.stderr
    done = run("attach", "web", env={"DOCKER_HOST": "tcp://192.0.2.1:2375"})
    assert "tcp://192.0.2.1:2375" in done.stderr and "unix" in done.stderr
