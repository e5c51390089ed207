"""Upstreams over TCP, in good and in bad shape."""
import struct
import time

import dns.flags
import pytest
from harness.nxgate import addresses, rcode
from harness.timing import Stopwatch, within
from harness.upstream import answer, silent, truncated_over_udp

GOOD = answer("@ 60 A 192.0.2.1")


def over_tcp(nxgate, *upstreams, allow="x.test"):
    servers = ",".join(f"tcp://{up.endpoint}" for up in upstreams)
    return nxgate("--allow", allow, "--upstream", servers)


def framed(received):
    wire = received.response("@ 60 A 192.0.2.1").to_wire()
    return struct.pack("!H", len(wire)) + wire


def in_pieces(size):
    def act(received):
        data = framed(received)
        for at in range(0, len(data), size):
            received.connection.sendall(data[at:at + size])
            time.sleep(0.002)
    return act


def closing_after(make):
    """Sends what `make(good)` gives, then closes."""
    def act(received):
        received.connection.sendall(make(framed(received)))
        received.connection.shutdown(2)
    return act


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_answer_in_any_pieces_is_whole(nxgate, upstream, size):
    server = over_tcp(nxgate, upstream({"x.test": in_pieces(size)}))
    assert addresses(server.query("x.test")) == ["192.0.2.1"]


@pytest.mark.parametrize("make", [
    lambda good: b"", lambda good: good[:1], lambda good: good[:2], lambda good: good[:-1],
    lambda good: b"\0\0", lambda good: b"\0\5hello", lambda good: b"\xff\xff" + good[2:],
], ids=["nothing", "half a length", "length alone", "cut short", "no length", "short", "too long"])
def test_broken_connection_is_a_failure_at_once(nxgate, upstream, make):
    bad, good = upstream({"x.test": closing_after(make)}), upstream({"x.test": GOOD})
    with Stopwatch() as watch:
        assert rcode(over_tcp(nxgate, bad).query("x.test")) == "SERVFAIL"
    assert watch.seconds < within(0.7)
    with Stopwatch() as watch:
        assert addresses(over_tcp(nxgate, bad, good).query("x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(0.7)


def test_truncated_answer_over_tcp_is_a_failure(nxgate, upstream):
    up = upstream({"x.test": lambda received: received.reply(flags=dns.flags.TC)})
    response = over_tcp(nxgate, up).query("x.test")
    assert rcode(response) == "SERVFAIL" and not response.flags & dns.flags.TC


def test_what_follows_the_answer_on_the_connection_does_not_count(nxgate, upstream):
    server = over_tcp(nxgate, upstream(
        {"x.test": closing_after(lambda good: good + good[:-1] + b"\x42")}))
    assert addresses(server.query("x.test")) == ["192.0.2.1"]


def test_connection_that_stays_silent_ends_in_time(nxgate, upstream):
    with Stopwatch() as watch:
        assert rcode(over_tcp(nxgate, upstream({"x.test": silent()})).query("x.test")) == "SERVFAIL"
    assert watch.seconds < within(1.5)


def test_refused_connection_is_passed_over_at_once(nxgate, upstream):
    closed, good = upstream({}, tcp=False), upstream({"x.test": GOOD})
    with Stopwatch() as watch:
        assert addresses(over_tcp(nxgate, closed, good).query("x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(0.7)


def truncating(nxgate, upstream, **options):
    """An upstream that answers over UDP and truncates names below big.x.test, and its gate."""
    def act(received):
        (truncated_over_udp(silent()) if ".big." in received.qname.lower() else GOOD)(received)
    up = upstream({"*": act}, **options)
    return up, nxgate("--allow", "x.test", "--upstream", up.endpoint)


def test_another_server_helps_when_tcp_is_closed(nxgate, upstream):
    closed, _ = truncating(nxgate, upstream, tcp=False)
    good = upstream({"*": GOOD})
    server = nxgate("--allow", "x.test", "--upstream", f"{closed.endpoint},{good.endpoint}")
    assert addresses(server.query("a.big.x.test")) == ["192.0.2.1"]


def test_closed_tcp_does_not_take_a_server_out_that_answers_over_udp(nxgate, upstream):
    _, server = truncating(nxgate, upstream, tcp=False)
    for i in range(5):
        assert rcode(server.query(f"n{i}.big.x.test")) == "SERVFAIL"
        assert addresses(server.query(f"n{i}.x.test")) == ["192.0.2.1"]


def test_filtered_tcp_does_not_take_a_server_out_that_answers_over_udp(nxgate, upstream):
    _, server = truncating(nxgate, upstream)
    for i in range(3):
        assert rcode(server.query(f"n{i}.big.x.test")) == "SERVFAIL"
        assert addresses(server.query(f"n{i}.x.test")) == ["192.0.2.1"]
