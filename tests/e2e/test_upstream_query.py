"""What goes out to an upstream: nothing of the client's but the question's meaning."""
import random
import socket
import struct

import dns.edns
import dns.flags
import dns.message
import dns.rrset
import pytest
from harness.client import option
from harness.nxgate import SANITIZED, addresses, make_query, rcode, run
from harness.upstream import after, answer

GOOD = answer("@ 60 A 192.0.2.1")
QNAME = b"\4host\1x\4test\0"


@pytest.fixture
def up(upstream):
    return upstream({"*": GOOD})


def gate(nxgate, up):
    return nxgate("--allow", "x.test", "--upstream", up.endpoint)


def outgoing(flags, qname, qtype, edns_flags):
    """All of an upstream query but its id: header, question, and an OPT that holds nothing."""
    return (struct.pack("!HHHHH", flags, 1, 0, 0, 1) + qname + struct.pack("!HH", qtype, 1)
            + b"\0" + struct.pack("!HHBBHH", 41, 1232, 0, 0, edns_flags, 0))


def lowered(wire, qname=QNAME):
    """What was sent, without its id and its random letter case."""
    assert wire[12:12 + len(qname)].lower() == qname
    return wire[2:12] + qname + wire[12 + len(qname):]


@pytest.mark.parametrize("dnssec", [False, True])
@pytest.mark.parametrize("cd", [False, True])
@pytest.mark.parametrize("tcp", [False, True])
def test_query_has_exactly_these_bytes(nxgate, up, dnssec, cd, tcp):
    server = gate(nxgate, up)
    server.query("host.x.test", "AAAA", dnssec=dnssec, cd=cd, tcp=tcp)
    (received,) = up.received
    assert lowered(received.wire) == outgoing(0x0110 if cd else 0x0100, QNAME, 28,
                                              0x8000 if dnssec else 0)


def smuggled(change):
    message = make_query("host.x.test", "AAAA", edns=True)
    change(message)
    return message


def with_options(*options):
    return lambda message: message.use_edns(0, payload=4096, options=list(options))


def ad(message):
    message.flags |= dns.flags.AD | dns.flags.RA | dns.flags.AA


@pytest.mark.parametrize("change", [
    with_options(dns.edns.ECSOption("198.51.100.0", 24)),
    with_options(option(10, b"clientck")),
    with_options(option(65001, b"secret" * 20), option(8, b"\0\1\x18\0\xc6\x33\x64")),
    ad, lambda message: message.use_edns(False),
    lambda message: setattr(message, "flags", message.flags & ~dns.flags.RD),
], ids=["ECS", "cookie", "unknown options", "flags", "no OPT", "no RD"])
def test_nothing_that_a_client_adds_is_passed_on(nxgate, up, change):
    message = smuggled(change)
    response = gate(nxgate, up).ask(message)
    assert rcode(response) == "NOERROR"
    assert lowered(up.received[0].wire) == outgoing(0x0100, QNAME, 28, 0)


def test_records_of_a_query_are_not_passed_on(nxgate, up):
    message = make_query("host.x.test", "AAAA")
    message.additional.append(dns.rrset.from_text("evil.test.", 60, "IN", "A", "192.0.2.66"))
    gate(nxgate, up).exchange(message.to_wire(), timeout=1)
    for received in up.received:
        assert lowered(received.wire) == outgoing(0x0100, QNAME, 28, 0)


def test_id_and_letter_case_are_not_the_clients(nxgate, up):
    server = gate(nxgate, up)
    for i in range(20):
        message = make_query(f"abcdefghijklmn{i}.x.test")
        message.id = 7777
        server.ask(message)
    asked = up.received
    assert sum(r.message.id == 7777 for r in asked) <= 1
    assert all(r.qname != r.qname.lower() for r in asked[:10])


def test_a_hundred_clients_that_ask_at_once_cost_one_query_and_see_their_own_case(nxgate, upstream):
    up = upstream({"*": after(0.2, GOOD)})
    server = gate(nxgate, up)
    dice = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyz.x.test"
    clients = []
    for _ in range(100):
        wire = make_query("".join(map(dice.choice, zip(letters, letters.upper())))).to_wire()
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(10)
        client.connect(("127.0.0.1", server.port))
        client.send(wire)
        clients.append((client, wire))
    for client, wire in clients:
        with client:
            reply = client.recv(4096)
        assert reply[:2] == wire[:2] and reply[12:len(wire)] == wire[12:]
        assert addresses(dns.message.from_wire(reply)) == ["192.0.2.1"]
    assert up.count() == 1 or SANITIZED


def test_questions_that_differ_in_type_do_or_cd_are_not_joined(nxgate, upstream):
    up = upstream({"*": after(0.1, GOOD)})
    server = gate(nxgate, up)
    queries = [make_query("x.test"), make_query("x.test", "TXT"),
               make_query("x.test", dnssec=True), make_query("x.test", cd=True)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", server.port))
        for query in queries:
            client.send(query.to_wire())
        assert {client.recv(4096)[:2] for _ in queries} == {q.to_wire()[:2] for q in queries}
    assert up.count() == 4 or SANITIZED


TRUSTING = """
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{}"]
trust-ad = {}
[policies.default]
allow = ["x.test"]
records = ["own.test CNAME host.x.test"]
"""


def wants_ad(qname, **options):
    query = make_query(qname, **options)
    query.flags |= dns.flags.AD
    return query


def test_ad_of_a_trusted_upstream_is_passed_on_to_who_asks_for_it(nxgate, upstream):
    up = upstream({"bad.x.test": answer("@ 60 A 192.0.2.2"),
                   "*": lambda received: received.reply("@ 60 SSHFP 4 2 00", flags=dns.flags.AD)})
    server = nxgate(config=TRUSTING.format(up.endpoint, "true"))
    for _ in range(2):  # from the upstream, then from the cache
        assert server.ask(wants_ad("host.x.test")).flags & dns.flags.AD
        assert server.query("host.x.test", dnssec=True).flags & dns.flags.AD
        assert not server.query("host.x.test").flags & dns.flags.AD, "RFC 6840 section 5.8"
        assert not server.ask(wants_ad("bad.x.test")).flags & dns.flags.AD
        assert not server.ask(wants_ad("own.test")).flags & dns.flags.AD, "an alias of our own"
        assert not server.ask(wants_ad("denied.test")).flags & dns.flags.AD
    assert all(received.message.flags & dns.flags.AD for received in up.received)


def test_ad_of_another_upstream_is_not(nxgate, upstream):
    up = upstream({"*": lambda received: received.reply("@ 60 A 192.0.2.1", flags=dns.flags.AD)})
    server = nxgate(config=TRUSTING.format(up.endpoint, "false"))
    assert not server.ask(wants_ad("host.x.test", dnssec=True)).flags & dns.flags.AD
    assert not any(received.message.flags & dns.flags.AD for received in up.received)


def test_ad_is_trusted_only_where_nobody_is_on_the_way(directory):
    config = directory / "nxgate.toml"
    config.write_text(TRUSTING.format("192.0.2.53", "true"))
    done = run("check", config)
    assert done.returncode == 1
    assert "nxgate.toml:6:12: trust-ad: the way to 192.0.2.53:53 is in the clear" in done.stderr
    config.write_text(TRUSTING.format("192.0.2.53", "true\nnetns = \"web\"").replace("PORT", "5353"))
    assert "trust-ad" not in run("check", config).stderr
