"""Messages that are no good query: semantics.md section 3 point 10; RFC 8906, RFC 9619."""
import random
import struct

import dns.message
import dns.opcode
import pytest
from harness.client import TcpClient
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


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 6, 15])
def test_other_opcodes_are_notimp(nxgate, opcode):
    reply = nxgate().exchange(header(opcode << 11) + GOOD[12:])
    assert reply[3] & 0xf == 4 and reply[2] >> 3 & 0xf == opcode


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


def test_thousands_of_mangled_queries_leave_it_answering(nxgate):
    server, dice = nxgate("--allow", "x.test", "--upstream", "127.0.0.1:1"), random.Random(2)
    seeds = [GOOD, make_query("a.b.c.x.test", "AAAA", edns=True, dnssec=True).to_wire(),
             header(additionals=1) + GOOD[12:] + b"\xc0\x0c\0\x29\4\xd0\0\0\0\0\0\0"]
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", server.port))
        for _ in range(3000):
            wire = bytearray(dice.choice(seeds))
            for _ in range(dice.randrange(1, 6)):
                wire[dice.randrange(len(wire))] = dice.randrange(256)
            client.send(wire[:dice.randrange(len(wire) + 1)] if dice.random() < 0.3 else wire)
    assert rcode(server.query("behind.test")) == "NXDOMAIN"
    assert server.process.poll() is None
