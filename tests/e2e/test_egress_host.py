"""The firewall on a host that forwards for its clients."""
import select
import signal
import socket
import struct
import subprocess
import time

import dns.query
import pytest

from harness.nxgate import BINARY, make_query, rcode
from harness.packets import MARKER, icmp, icmp6, ipv4, ipv6, udp
from harness.sites import Sites
from harness.slow import Slow
from harness.timing import wait_for
from harness.upstream import answer
from harness.senders import raw, raw6

WEB, WEB6, OTHER = "203.0.113.7", "2001:db8:5::7", "203.0.113.8"
CONFIG = """
[server]
listen = ["0.0.0.0:PORT", "[::]:PORT"]

[upstreams.default]
servers = ["{upstream}"]

[policies.ci]
allow = {allow}
[policies.ci.egress]
check-names = []
{egress}

[policies.free]
allow = ["test"]

[[clients]]
from = ["10.5.0.0/16", "2001:db8:50::/64"]
policy = "ci"

[[clients]]
from = ["10.5.7.0/24"]
policy = "free"
"""


def route(namespace, *words):
    subprocess.run(["ip", "-n", namespace.name, "route", "add", *words], check=True)


@pytest.fixture
def outside(namespace):
    world = namespace("outside")
    for address in (f"{WEB}/32", f"{OTHER}/32", f"{WEB6}/128"):
        world.add_address(address)
    sites = Sites(world, (80,))
    yield world
    sites.close()


@pytest.fixture
def router(namespace, outside):
    """The host, between its clients and the world."""
    host = namespace("router")
    host.join(outside, "10.99.0.2/24", "10.99.0.1/24")
    host.add_address("2001:db8:99::2/64", "eth0")
    outside.add_address("2001:db8:99::1/64", "eth0")
    for family, gateway, back in (("-4", "10.99.0.1", "10.5.0.0/16"),
                                  ("-6", "2001:db8:99::1", "2001:db8:50::/64")):
        route(host, "default", "via", gateway)
        route(outside, back, "via", gateway[:-1] + "2")
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", check=True)
    return host


@pytest.fixture
def client(namespace, router):
    """client(number, address): a namespace behind the host."""
    def make(device, mine, gateway):
        inside = namespace(device)
        router.join(inside, f"{gateway}/24", f"{mine}/24", device=device)
        route(inside, "default", "via", gateway)
        return inside

    return make


@pytest.fixture
def firewalled(nxgate, upstream, router, outside):
    server = upstream({"web.test": answer(f"@ 60 A {WEB}"),
                       "other.test": answer(f"@ 60 A {OTHER}"),
                       "chain.test": answer("@ 60 CNAME other.test.", f"other.test. 60 A {OTHER}")}, namespace=outside,
                      address="10.99.0.1")

    def start(egress="", allow=("test",)):
        text = lambda **changes: CONFIG.format(  # noqa: E731
            upstream=f"10.99.0.1:{server.port}",
            **{"egress": egress, "allow": list(allow), **{k: list(v) for k, v in changes.items()}})
        made = nxgate(config=text(), namespace=router)
        made.text = text
        return made

    return start


def ask(inside, server, qname, gateway):
    return inside.call(lambda: dns.query.udp(make_query(qname), gateway, port=server.port,
                                             timeout=5))


def connect(inside, address):
    def go():
        with socket.create_connection((address, 80), timeout=5) as connection:
            return connection.recv(100)

    try:
        return inside.call(go)
    except ConnectionRefusedError as error:
        return error


@pytest.fixture
def seen(outside):
    """Whether a marker came in within a moment."""
    with outside.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                            socket.htons(3))) as sniffer:
        def look(marker, seconds):
            deadline = time.monotonic() + seconds
            while select.select([sniffer], [], [], max(0, deadline - time.monotonic()))[0]:
                if marker in sniffer.recv(65535):
                    return True
            return False

        yield look


def both_families(app, router):
    app.add_address("2001:db8:50::2/64", "app")
    router.add_address("2001:db8:50::1/64", "app")
    subprocess.run(["ip", "-6", "-n", app.name, "route", "add", "default", "via",
                    "2001:db8:50::1"], check=True)


def refused(outcome):
    return isinstance(outcome, ConnectionRefusedError)


def test_a_client_reaches_what_its_names_lead_to(firewalled, client, router):
    app = client("app", "10.5.0.2", "10.5.0.1")
    server = firewalled()
    assert refused(connect(app, WEB))
    ask(app, server, "web.test", "10.5.0.1")
    assert connect(app, WEB) == b"hello"
    assert refused(connect(app, OTHER))
    assert connect(router, OTHER) == b"hello", "the host's own"
    server.wait_for_log(f"policy ci: refused tcp/80 of {OTHER}")


def test_a_client_of_another_policy_has_no_firewall(firewalled, client):
    free = client("free", "10.5.7.2", "10.5.7.1")
    firewalled()
    assert connect(free, OTHER) == b"hello"


def test_ipv6_of_the_same_clients(firewalled, client, router):
    app = client("app", "10.5.0.2", "10.5.0.1")
    both_families(app, router)
    assert connect(app, WEB6) == b"hello"
    firewalled()
    assert refused(connect(app, WEB6))


def test_a_reload_closes_what_is_no_longer_allowed(firewalled, client):
    app = client("app", "10.5.0.2", "10.5.0.1")
    server = firewalled()
    for name in ("web.test", "other.test"):
        ask(app, server, name, "10.5.0.1")
    server.write_config(server.text(allow=["web.test"]))
    assert "reloaded" in server.reload()
    wait_for(lambda: refused(connect(app, OTHER)))
    assert connect(app, WEB) == b"hello"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR2],
                         ids=["crash", "stop", "hand-over"])
def test_it_is_closed_from_one_to_the_next(firewalled, client, router, how):
    app = client("app", "10.5.0.2", "10.5.0.1")
    server = firewalled()
    ask(app, server, "web.test", "10.5.0.1")
    server.process.send_signal(how)
    server.process.wait()
    assert ("policy ci: its firewall on this host stays closed" in server.log_text()) == (how == signal.SIGTERM)
    assert refused(connect(app, OTHER))
    following = firewalled()
    assert connect(app, WEB) == b"hello", "no gap"
    assert refused(connect(app, OTHER))
    following.stop()
    detached = router.run(BINARY, "detach", "--netns", router.path)
    assert "detached" in detached.stdout, detached
    assert router.run("nft", "list", "ruleset", check=True).stdout == ""
    assert connect(app, OTHER) == b"hello"


def test_it_goes_with_a_stop_if_it_shall(firewalled, client, router):
    app = client("app", "10.5.0.2", "10.5.0.1")
    server = firewalled('fail = "open"')
    assert refused(connect(app, OTHER))
    server.stop()
    assert router.run("nft", "list", "ruleset", check=True).stdout == ""
    assert connect(app, OTHER) == b"hello"


def test_it_needs_a_restart_to_begin_with(firewalled, client, nxgate, router):
    server = nxgate(config='[server]\nlisten = ["127.0.0.1:PORT"]\n', namespace=router)
    server.write_config('[server]\nlisten = ["127.0.0.1:PORT"]\n[policies.ci.egress]\ncheck-names = []\n'
                        '[[clients]]\nfrom = ["10.5.0.0/16"]\npolicy = "ci"\n')
    assert "rejected" in server.reload()
    server.wait_for_log("restart to use one")


def test_ports_are_learnt_from_what_is_forwarded(firewalled, client):
    app = client("app", "10.5.0.2", "10.5.0.1")
    server = firewalled()
    server.operate("learn", "start", "--policy", "ci")
    ask(app, server, "web.test", "10.5.0.1")
    assert connect(app, WEB) == b"hello"
    assert "\n=web.test:tcp/80 " in server.operate("learn", "propose", "--policy", "ci").stdout


#: Sources that no range of clients has: nobody's, one of the same link, and one of IPv6.
SPOOFED = {
    "nobody's": lambda: raw(ipv4(udp(), source="192.0.2.9", destination=OTHER)),
    "another of the link": lambda: raw(ipv4(udp(), source="10.6.0.9", destination=OTHER)),
    "another client's, of another link": lambda: raw(
        ipv4(udp(), source="10.5.7.2", destination=OTHER)),
    "nobody's by IPv6": lambda: raw6(ipv6(udp(), source="2001:db8:bad::9", destination=WEB6)),
    "another of the link by IPv6": lambda: raw6(
        ipv6(udp(), source="2001:db8:51::9", destination=WEB6)),
}


@pytest.mark.parametrize("spoof", SPOOFED.values(), ids=SPOOFED.keys())
def test_a_source_outside_its_ranges_is_judged_too(firewalled, client, router, seen, spoof):
    app, _ = client("app", "10.5.0.2", "10.5.0.1"), client("free", "10.5.7.2", "10.5.7.1")
    both_families(app, router)
    for address in ("10.6.0.1/24", "2001:db8:51::1/64"):
        router.add_address(address, "app")
    app.call(spoof)
    assert seen(MARKER, 5), "it shows nothing if it doesn't work without nxgate"
    firewalled()
    while seen(MARKER, 0.1):
        pass
    app.call(spoof)
    assert not seen(MARKER, 0.5)


@pytest.mark.parametrize("family", [4, 6])
def test_a_forged_flow_of_a_client_is_none(firewalled, client, router, seen, family):
    """By the host and back to the client: what it then sends would be an answer."""
    app = client("app", "10.5.0.2", "10.5.0.1")
    both_families(app, router)
    own = {4: "10.5.0.2", 6: "2001:db8:50::2"}[family]
    far, send, packet = {4: (OTHER, raw, ipv4), 6: (WEB6, raw6, ipv6)}[family]
    gateway = {4: "10.5.0.1", 6: "2001:db8:50::1"}[family]

    def forge():
        send(packet(udp(4000, 5000, b"x"), source=far, destination=own), to=gateway)
        time.sleep(0.1)
        send(packet(udp(), source=own, destination=far))

    app.call(forge)
    assert seen(MARKER, 5)
    firewalled()
    while seen(MARKER, 0.1):
        pass
    app.call(forge)
    assert not seen(MARKER, 0.5)


def begin_flow(inside, outside, source):
    """One of UDP to OTHER that has been answered."""
    with outside.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as far, \
            inside.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as near:
        for each, address in ((far, (OTHER, 5000)), (near, (source, 4000))):
            each.settimeout(5)
            each.bind(address)
        near.sendto(b"x", (OTHER, 5000))
        _, back = far.recvfrom(9)
        far.sendto(b"y", back)
        near.recv(9)


def error_about_flow_of(source):
    """With data, as one that was sent to `source` would be answered."""
    raw(ipv4(icmp(3, ipv4(udp(4000, 5000, b""), 17, OTHER, source) + MARKER, 0, 3), 1, "10.5.0.2", OTHER))


INTRUSIONS = {
    "another client's, with its source": (
        "10.5.7.2", lambda: raw(ipv4(udp(), source="10.5.7.2", destination=OTHER))),
    "another client's, by an error": ("10.5.7.2", lambda: error_about_flow_of("10.5.7.2")),
    "the host's, by an error": ("10.99.0.2", lambda: error_about_flow_of("10.99.0.2")),
}


@pytest.mark.parametrize("owner, intrude", INTRUSIONS.values(), ids=INTRUSIONS.keys())
def test_nobody_gets_into_a_flow_of_somebody_else(firewalled, client, router, outside, seen, owner, intrude):
    app, free = client("app", "10.5.0.2", "10.5.0.1"), client("free", "10.5.7.2", "10.5.7.1")
    # The kernel's own test of sources, which isn't everywhere and which IPv6 hasn't.
    router.run("sysctl", "-qw", *(f"net.ipv4.conf.{link}.rp_filter=0" for link in ("all", "app", "free")),
               check=True)
    inside = free if owner == "10.5.7.2" else router
    begin_flow(inside, outside, owner)
    app.call(intrude)
    assert seen(MARKER, 5), "it shows nothing if it doesn't work without nxgate"
    firewalled()
    begin_flow(inside, outside, owner)
    while seen(MARKER, 0.1):
        pass
    app.call(intrude)
    assert not seen(MARKER, 0.5)


def test_a_client_tells_of_errors_about_its_own_flows(firewalled, client, router, outside, seen):
    app = client("app", "10.5.0.2", "10.5.0.1")
    firewalled(f'always = ["{OTHER}"]')
    begin_flow(app, outside, "10.5.0.2")
    app.call(lambda: error_about_flow_of("10.5.0.2"))
    assert seen(MARKER, 5)


def test_no_error_takes_a_forged_packet_to_its_source(firewalled, client, router, seen):
    app = client("app", "10.5.0.2", "10.5.0.1")
    firewalled()
    app.call(lambda: raw(ipv4(udp(data=MARKER * 5), source=WEB, destination=OTHER)))
    assert not seen(MARKER, 0.5)


#: With a source of somebody else. Neighbour discovery and reports of groups are untracked (conntrack ignores
#: them); of the last two the host makes an error about the packet, which takes the data to that source.
UNTRACKED = (130, 132, 134, 135, 136, 137, 143, 151)
BIG = MARKER * 60
UNKNOWN_OPTION = bytes([58, 0, 0x80, 4, 0, 0, 0, 0])
GATEWAY6 = "2001:db8:50::1"
ERRORS = {
    **{f"ICMPv6 {kind} through the host": lambda kind=kind: ipv6(
        icmp6(kind, bytes(4) + BIG, WEB6, "2001:db8:99::1"), 58, WEB6, "2001:db8:99::1", 255)
       for kind in UNTRACKED},
    "ICMPv6 135 to the host, behind an option that it doesn't know": lambda: ipv6(
        UNKNOWN_OPTION + icmp6(135, bytes(4) + BIG, WEB6, GATEWAY6), 60, WEB6, GATEWAY6),
    "an option of each hop that the host doesn't know": lambda: ipv6(
        bytes([17, 0, 0x80, 4, 0, 0, 0, 0]) + udp(data=BIG), 0, WEB6, "2001:db8:99::1"),
    "the same in a first fragment": lambda: ipv6(
        struct.pack("!BBBBIBBHI", 44, 0, 0x80, 4, 0, 17, 0, 1, 7) + udp(data=BIG), 0, WEB6, "2001:db8:99::1"),
    "a first fragment to the host": lambda: ipv4(udp(data=BIG), 17, WEB, "10.5.0.1", 0x2000),
    "a first fragment to the host's address on another link": lambda: ipv4(
        udp(data=BIG), 17, WEB, "10.99.0.2", 0x2000),
    "a first fragment to the host by IPv6": lambda: ipv6(
        struct.pack("!BBHI", 17, 0, 1, 7) + udp(data=BIG), 44, WEB6, GATEWAY6),
}


@pytest.mark.parametrize("packet", ERRORS.values(), ids=ERRORS.keys())
def test_no_error_of_the_host_takes_data_to_a_forged_source(firewalled, client, router, seen, packet):
    app = client("app", "10.5.0.2", "10.5.0.1")
    both_families(app, router)
    router.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.app.rp_filter=0",
               "net.ipv4.ipfrag_time=1", "net.ipv6.ip6frag_time=1", check=True)
    whole = app.call(packet)
    send = raw if whole[0] >> 4 == 4 else raw6
    go = lambda: app.call(lambda: send(whole, to={raw: "10.5.0.1", raw6: GATEWAY6}[send]))  # noqa: E731
    # Again and again, for the first may go before the router knows its neighbours.
    wait_for(lambda: go() or seen(MARKER, 1.5), 20, "what it shows without nxgate")
    firewalled()
    router.run("sysctl", "-qw", "net.netfilter.nf_conntrack_frag6_timeout=1", check=True)
    while seen(MARKER, 0.1):
        pass
    go()
    assert not seen(MARKER, 2.5)


@pytest.mark.parametrize("family", [4, 6])
def test_fragments_of_a_client_pass(firewalled, client, router, seen, family):
    app = client("app", "10.5.0.2", "10.5.0.1")
    both_families(app, router)
    firewalled(f'always = ["{OTHER}", "{WEB6}"]')
    far, kind = {4: (OTHER, socket.AF_INET), 6: (WEB6, socket.AF_INET6)}[family]

    def send():
        with socket.socket(kind, socket.SOCK_DGRAM) as s:
            s.sendto(b"x" * 4000 + MARKER, (far, 5000))

    app.call(send)
    assert seen(MARKER, 5)


def test_it_says_what_it_covers(firewalled, client, router):
    client("app", "10.5.0.2", "10.5.0.1")
    server = firewalled()
    server.wait_for_log("policy ci: filters everything that comes in on app, whatever its source")
    assert "ci: everything that comes in on app\n" in server.operate("status").stdout
    client("late", "10.5.1.2", "10.5.1.1")
    server.wait_for_log("policy ci: filters everything that comes in on app, late")


def test_it_says_what_it_can_not_cover(firewalled, router):
    route(router, "10.5.0.0/16", "via", "10.99.0.1")
    server = firewalled()
    server.wait_for_log("policy ci: its clients are behind eth0, which also has the default route")
    assert "on eth0 only its clients' ranges\n" in server.operate("status").stdout


def test_what_a_name_led_to_is_resolved_after_a_reload_too(firewalled, client):
    server = firewalled(allow=["chain.test"])
    app = client("app", "10.5.0.2", "10.5.0.1")
    assert rcode(ask(app, server, "chain.test", "10.5.0.1")) == "NOERROR"
    server.write_config(server.text(allow=["chain.test", "web.test"]))
    assert "reloaded" in server.reload()
    assert rcode(ask(app, server, "other.test", "10.5.0.1")) == "NOERROR"
    assert connect(app, OTHER) == b"hello"
    server.write_config(server.text(allow=["web.test"]))
    assert "reloaded" in server.reload()
    assert rcode(ask(app, server, "other.test", "10.5.0.1")) == "NXDOMAIN"
    assert refused(connect(app, OTHER))


def test_one_client_leaves_room_for_others(nxgate, upstream, outside, router, client):
    def many(received):
        number = int(received.qname.split(".")[0][1:])
        received.reply(*(f"@ 3600 A 10.{64 + number}.{i // 250}.{i % 250 + 1}" for i in range(2000)))

    script = {f"n{i}.greedy.test": many for i in range(20)}
    up = upstream({**script, "web.test": answer(f"@ 60 A {WEB}")}, namespace=outside, address="10.99.0.1")
    server = nxgate(config=CONFIG.format(upstream=f"tcp://10.99.0.1:{up.port}", egress="", allow=["test"]),
                    namespace=router)
    greedy, other = client("greedy", "10.5.0.2", "10.5.0.1"), client("other", "10.5.1.2", "10.5.1.1")

    def take(number):
        query = make_query(f"n{number}.greedy.test")
        return rcode(greedy.call(lambda: dns.query.tcp(query, "10.5.0.1", port=server.port, timeout=20)))

    assert [take(number) for number in range(20)] == ["NOERROR"] * 16 + ["SERVFAIL"] * 4
    server.wait_for_log("no room for more addresses of this client, which may have no more than are left for others")
    assert rcode(ask(other, server, "web.test", "10.5.1.1")) == "NOERROR"
    assert connect(other, WEB) == b"hello"


def test_what_was_asked_before_its_name_went_opens_nothing(nxgate, upstream, outside, router, client):
    slow = Slow(f"@ 86400 A {OTHER}")
    up = upstream({"slow.test": slow}, namespace=outside, address="10.99.0.1")

    def text(allow):
        return CONFIG.format(upstream=f"10.99.0.1:{up.port}", egress="", allow=allow)

    server = nxgate(config=text(["slow.test"]), namespace=router)
    app = client("app", "10.5.0.2", "10.5.0.1")

    def take_away():
        server.write_config(text(["web.test"]))
        assert "reloaded" in server.reload()

    assert rcode(slow.while_it_waits(lambda: ask(app, server, "slow.test", "10.5.0.1"), take_away)) == "SERVFAIL"
    assert refused(connect(app, OTHER))
