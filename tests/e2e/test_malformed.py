"""Messages that are no good query: semantics.md section 3 point 10; RFC 8906, RFC 9619."""
import random
import socket
import struct

import dns.message
import dns.update
import pytest
from harness.client import COOKIE, TcpClient, option
from harness.nxgate import make_query, rcode
from harness.upstream import answer

GOOD = make_query("x.test").to_wire()


def header(flags=0x0100, questions=1, answers=0, authorities=0, additionals=0):
    return struct.pack("!6H", 0x1234, flags, questions, answers, authorities, additionals)


def ask(server, wire):
    return dns.message.from_wire(server.exchange(wire), ignore_trailing=True)


def stays_silent(server, wire):
    """Nothing answers `wire`, though the server goes on answering."""
    silent = server.exchange(wire, timeout=0.3) is None
    return silent and rcode(server.query("behind.test")) == "NXDOMAIN"


def test_a_response_is_never_answered(nxgate):
    server = nxgate()
    for flags in (0x8000, 0x8180, 0x8583, 0xf800):
        assert stays_silent(server, header(flags) + GOOD[12:])


def test_a_response_is_never_answered_over_tcp(nxgate):
    with TcpClient(nxgate()) as client:
        client.send(header(0x8180) + GOOD[12:], make_query("good.test"))
        assert client.receive().question[0].name.to_text() == "good.test."


@pytest.mark.parametrize("size", [0, 1, 2, 11])
def test_less_than_a_header_is_never_answered(nxgate, size):
    assert stays_silent(nxgate(), GOOD[:size])


@pytest.mark.parametrize("what, wire", [
    ("no question", header(questions=0)),
    ("a header alone that promises one", header()),
    ("two questions", header(questions=2) + GOOD[12:] * 2),
    ("a question cut short", GOOD[:-1]),
    ("a label of 64", header() + b"\x40" + b"a" * 64 + b"\0\0\1\0\1"),
    ("a name of 256 bytes", header() + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1"),
    ("a pointer to itself", header() + b"\xc0\x0c\0\1\0\1"),
    ("a pointer forward", header() + b"\xc0\x20\0\1\0\1" + bytes(40)),
    ("a pointer back into the header", header() + b"\1x\xc0\x04\0\1\0\1"),
    ("a reserved label type", header() + b"\x80a\0\0\1\0\1"),
    ("bytes behind its end", GOOD + b"\0"),
    ("a record that isn't there", header(additionals=1) + GOOD[12:]),
    ("more records than fit", header(answers=65535) + GOOD[12:]),
])
def test_what_is_broken_is_formerr_with_its_id(nxgate, what, wire):
    response = ask(nxgate(), wire)
    assert rcode(response) == "FORMERR", what
    assert response.id == int.from_bytes(wire[:2], "big")
    assert not response.answer and not response.authority


RECORD = b"\0\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1"
UPDATE = dns.update.Update("x.test", id=0x1234)
UPDATE.add("a", 60, "A", "192.0.2.1")


@pytest.mark.parametrize("opcode, wire", [
    *((opcode, header(opcode << 11) + GOOD[12:]) for opcode in range(1, 16)),
    (1, header(1 << 11, questions=0, answers=1) + RECORD),
    (2, header(2 << 11, questions=0)),
    (4, header(4 << 11 | 0x0400, answers=1) + GOOD[12:] + RECORD),
    (5, UPDATE.to_wire()),
    (6, header(6 << 11) + b"\xff\xff"),
])
def test_other_opcodes_are_notimp(nxgate, opcode, wire):
    reply = nxgate().exchange(wire)
    assert reply[:2] == wire[:2] and reply[2] >> 3 == 0x10 | opcode
    assert reply[3] == 4, "NOTIMP, and neither RA nor CD"


@pytest.mark.parametrize("qtype", [0, 41, 249, 250, 253, 254])
def test_types_that_cannot_be_asked_for_are_formerr(nxgate, qtype):
    response = ask(nxgate(), header() + GOOD[12:-4] + struct.pack("!2H", qtype, 1))
    assert rcode(response) == "FORMERR"


@pytest.mark.parametrize("qtype", ["AXFR", "IXFR"])
def test_zone_transfers_are_refused_even_for_allowed_names(nxgate, upstream, qtype):
    up = upstream({"a.test": answer("@ 60 A 192.0.2.1")})
    server = nxgate("--allow", "a.test", "--upstream", up.endpoint)
    assert rcode(server.query("a.test", qtype, tcp=True)) == "REFUSED"
    assert up.count() == 0


def test_version_bind_is_refused_unless_configured(nxgate):
    query = make_query("version.bind", "TXT", qclass="CH")
    assert rcode(nxgate().ask(query)) == "REFUSED"
    told = nxgate(config='[server]\nlisten = ["127.0.0.1:PORT"]\nversion-bind = "none of it"\n')
    assert told.ask(query).answer[0][0].strings == (b"none of it",)


def test_other_classes_are_refused(nxgate):
    assert rcode(nxgate().ask(make_query("x.test", qclass="HS"))) == "REFUSED"


SEEDS = [GOOD, make_query("a.b.c.x.test", "AAAA", edns=True, dnssec=True).to_wire(),
         make_query("x.test", options=[option(COOKIE, b"c" * 8), option(65001, b"data")]).to_wire(),
         header(additionals=1) + GOOD[12:] + b"\xc0\x0c\0\x29\4\xd0\0\0\0\0\0\0"]


def mangled(count):
    """Queries with a few bytes changed, a third of them cut short."""
    dice = random.Random(2)
    for _ in range(count):
        wire = bytearray(dice.choice(SEEDS))
        for _ in range(dice.randrange(1, 6)):
            wire[dice.randrange(len(wire))] = dice.randrange(256)
        yield bytes(wire[:dice.randrange(len(wire) + 1)] if dice.random() < 0.3 else wire)


def answerable(wire):
    return len(wire) >= 12 and not wire[2] & 0x80


def is_answer_to(reply, wire):
    """A whole response with the right id and opcode, to a query that may be answered."""
    opcode = wire[2] & 0x78
    parsed = dns.message.from_wire(reply[:2] + bytes([reply[2] & 0x87]) + reply[3:])  # as a QUERY
    assert not opcode or rcode(parsed) == "NOTIMP"
    return answerable(wire) and reply[:2] == wire[:2] and reply[2] & 0xf8 == 0x80 | opcode


def test_each_mangled_query_is_answered_well_and_a_response_never(nxgate):
    server = nxgate()
    sentinel = make_query("sentinel.test").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        for wire in mangled(3000):
            client.send(wire)
            client.send(sentinel)
            replies = [client.recv(65535)]
            while b"\x08sentinel" not in replies[-1]:
                replies.append(client.recv(65535))
            assert len(replies) == 1 + answerable(wire), wire.hex()
            assert all(is_answer_to(reply, wire) for reply in replies[:-1]), wire.hex()


def test_mangled_queries_over_tcp_disturb_no_other(nxgate):
    server, wires = nxgate(), [wire for wire in mangled(1000) if len(wire) >= 12]
    with TcpClient(server) as client:
        client.send(*wires, make_query("sentinel.test"))
        for wire in wires:
            if answerable(wire):
                assert is_answer_to(client.receive_wire(), wire), wire.hex()
        assert client.receive().question[0].name.to_text() == "sentinel.test."


def test_mangled_queries_for_allowed_names_leave_it_answering(nxgate):
    server = nxgate("--allow", "x.test", "--upstream", "127.0.0.1:1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", server.port))
        for wire in mangled(2000):
            client.send(wire)
    assert rcode(server.query("behind.test")) == "NXDOMAIN"
