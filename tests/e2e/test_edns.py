"""EDNS: RFC 6891, cookies (RFC 7873, 9018), keepalive (RFC 7828); reliability.md, Protocol."""
import os

import dns.flags
import dns.message
import dns.rcode
import pytest
from harness.client import COOKIE, KEEPALIVE, PADDING, TcpClient, option, options
from harness.nxgate import addresses, make_query, rcode
from harness.upstream import answer

SECTION = '[server]\nlisten = ["127.0.0.1:PORT"]\ntcp-idle = "7s"\n'


def with_opts(count, version=0):
    """A query with that many OPT records."""
    opt = b"\0\0\x29\x04\xd0\0" + bytes([version]) + b"\0\0\0\0"
    query = bytearray(make_query("x.test").to_wire() + opt * count)
    query[11] = count
    return bytes(query)


@pytest.mark.parametrize("version", [1, 255])
def test_other_version_is_badvers(nxgate, version):
    response = dns.message.from_wire(nxgate().exchange(with_opts(1, version)))
    assert rcode(response) == "BADVERS" and response.edns == 0


def test_version_is_looked_at_before_the_options(nxgate):
    query = bytearray(make_query("x.test", options=[option(COOKIE, b"short")]).to_wire())
    query[-9 - 5] = 1
    assert rcode(dns.message.from_wire(nxgate().exchange(bytes(query)))) == "BADVERS"


def test_two_opts_are_formerr(nxgate):
    response = dns.message.from_wire(nxgate().exchange(with_opts(2)))
    assert rcode(response) == "FORMERR"


@pytest.mark.parametrize("owner", [b"\1a\0", b"\xc0\x0c"])
def test_an_opt_that_the_root_does_not_own_is_formerr(nxgate, owner):
    query = with_opts(1)
    assert rcode(dns.message.from_wire(nxgate().exchange(query[:-11] + owner + query[-10:]))) == "FORMERR"


def test_unknown_options_are_ignored_and_not_echoed(nxgate):
    response = nxgate().query("x.test", options=[option(65001, b"hello"), option(PADDING, b"\0" * 9)])
    assert rcode(response) == "NXDOMAIN"
    assert not {65001, PADDING} & set(options(response))


def test_an_option_that_ends_beyond_its_record_is_formerr(nxgate):
    query = bytearray(make_query("x.test", options=[option(65001, b"hello")]).to_wire())
    query[-6] = 200
    assert rcode(dns.message.from_wire(nxgate().exchange(bytes(query)))) == "FORMERR"


@pytest.mark.parametrize("offered, limit", [(512, 512), (1232, 1232), (4096, 1232), (100, 512)])
def test_size_is_what_the_client_offers_and_never_above_1232(nxgate, upstream, offered, limit):
    up = upstream({f"n{count}.big.test": answer(*(f"@ 60 A 192.0.2.{i}" for i in range(count)))
                   for count in (20, 60, 100)})
    server = nxgate("--allow", "big.test", "--upstream", up.endpoint)
    for count in (20, 60, 100):
        reply = server.exchange(make_query(f"n{count}.big.test", edns=True, payload=offered).to_wire())
        assert len(reply) <= limit
        response = dns.message.from_wire(reply)
        assert response.payload == 1232
        truncated = bool(response.flags & dns.flags.TC)
        assert truncated == (len(response.answer) == 0), "a whole answer or none"
        fits = 16 * count + 12 + 4 + 14 + 11 <= limit
        assert truncated != fits


def test_without_opt_the_limit_is_512(nxgate, upstream):
    up = upstream({"big.test": answer(*(f"@ 60 A 192.0.2.{i}" for i in range(60)))})
    server = nxgate("--allow", "big.test", "--upstream", up.endpoint)
    response = server.query("big.test")
    assert response.flags & dns.flags.TC and not response.answer
    assert len(server.query("big.test", tcp=True).answer[0]) == 60


@pytest.mark.parametrize("edns, count, fits", [
    (False, 30, True), (False, 31, False), (True, 74, True), (True, 75, False)])
def test_local_answers_obey_the_same_limits(nxgate, directory, edns, count, fits):
    hosts = directory / "hosts"
    hosts.write_text("".join(f"10.0.0.{i} x.test\n" for i in range(count)))
    server = nxgate("--hosts", hosts)
    response = server.query("x.test", edns=edns, payload=4096)
    assert bool(response.flags & dns.flags.TC) != fits
    assert len(addresses(response)) == (count if fits else 0)
    assert len(addresses(server.query("x.test", edns=edns, tcp=True))) == count


def test_no_other_flag_than_do_is_copied(nxgate):
    query = bytearray(with_opts(1))
    query[-4:-2] = b"\xff\xff"
    response = dns.message.from_wire(nxgate().exchange(bytes(query)))
    assert response.ednsflags == dns.flags.DO


def test_do_is_copied(nxgate):
    server = nxgate()
    assert server.query("x.test", dnssec=True).ednsflags & dns.flags.DO
    assert not server.query("x.test", edns=True).ednsflags & dns.flags.DO


def test_client_cookie_comes_back_with_a_server_cookie_of_sixteen_bytes(nxgate):
    mine = os.urandom(8)
    cookie = options(nxgate().query("x.test", options=[option(COOKIE, mine)]))[COOKIE]
    assert cookie[:8] == mine and len(cookie) == 24
    assert cookie[8] == 1 and cookie[9:12] == b"\0\0\0", "the interoperable form of RFC 9018"


def test_returned_server_cookie_is_accepted_and_renewed(nxgate):
    server, mine = nxgate(), os.urandom(8)
    first = options(server.query("x.test", options=[option(COOKIE, mine)]))[COOKIE]
    response = server.query("x.test", options=[option(COOKIE, first)])
    assert rcode(response) == "NXDOMAIN"
    assert options(response)[COOKIE][:8] == mine


@pytest.mark.parametrize("tcp", [False, True])
def test_a_wrong_server_cookie_is_answered_with_a_right_one(nxgate, tcp):
    response = nxgate().query("x.test", options=[option(COOKIE, b"c" * 40)], tcp=tcp)
    cookie = options(response)[COOKIE]
    assert rcode(response) == "NXDOMAIN" and len(cookie) == 24
    assert cookie[:8] == b"c" * 8 and cookie[8:] != b"c" * 16


def test_server_cookie_is_bound_to_the_address(nxgate):
    server, query = nxgate(), make_query("x.test", options=[option(COOKIE, b"c" * 8)])
    hashes = {options(server.ask(query, source=source))[COOKIE][16:]
              for source in ("127.0.0.1", "127.0.0.2")}
    assert len(hashes) == 2


def test_cookies_differ_by_client_cookie_and_hide_the_secret(nxgate):
    server = nxgate()
    hashes = {options(server.query("x.test", options=[option(COOKIE, bytes([i]) * 8)]))[COOKIE][16:]
              for i in range(50)}
    assert len(hashes) == 50


@pytest.mark.parametrize("size", [0, 1, 7, 9, 15, 41, 100])
def test_cookie_of_impossible_length_is_formerr(nxgate, size):
    response = nxgate().query("x.test", options=[option(COOKIE, b"c" * size)])
    assert rcode(response) == "FORMERR"


def test_cookie_without_a_question_is_answered(nxgate):
    query = make_query("x.test", options=[option(COOKIE, b"c" * 8)])
    query.question = []
    response = dns.message.from_wire(nxgate().exchange(query.to_wire()))
    assert rcode(response) == "NOERROR" and len(options(response)[COOKIE]) == 24


def test_cookies_are_hop_by_hop(nxgate, upstream):
    up = upstream({"a.test": answer("@ 60 A 192.0.2.1")})
    nxgate("--allow", "a.test", "--upstream", up.endpoint).query(
        "a.test", options=[option(COOKIE, b"c" * 8), option(65001, b"mine")])
    (received,) = [r for r in up.received if r.qname.lower() == "a.test"]
    assert b"c" * 8 not in received.wire and b"mine" not in received.wire


def test_keepalive_is_told_over_tcp_to_those_who_ask(nxgate):
    server = nxgate(config=SECTION)
    with TcpClient(server) as client:
        client.send(make_query("x.test", options=[option(KEEPALIVE)]))
        assert options(client.receive())[KEEPALIVE] == (70).to_bytes(2, "big")
        client.send(make_query("x.test", edns=True))
        assert KEEPALIVE not in options(client.receive())


def test_keepalive_is_not_told_over_udp(nxgate):
    response = nxgate().query("x.test", options=[option(KEEPALIVE)])
    assert KEEPALIVE not in options(response)
