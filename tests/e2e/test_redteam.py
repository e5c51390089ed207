"""Every known way out of a namespace with a firewall, tried: the table in harness/wayout.py.

Each attempt gets through without nxgate, or the test would show nothing. docs/threat-model.md has the same table,
and says what is left open.
"""
import socket

import dns.query
import pytest

from harness.nxgate import addresses, make_query, rcode
from harness.packets import DENIED, DENIED6, ipv6, udp
from harness.redteam import NOBODY, NOT_SENT, REFUSALS, app, attach, attempt, drain, outside, seen  # noqa: F401
from harness.senders import HOP6, by_lo, fast_open, raw6
from harness.wayout import ATTEMPTS, Outcome, Rights


def as_whom(rights):
    return [(), NOBODY] if rights == Rights.NONE else [()]


@pytest.mark.parametrize("tried", ATTEMPTS, ids=lambda tried: tried.title)
def test_a_way_out_is_closed(attach, app, seen, tried):
    for user in as_whom(tried.rights):
        attempt(app, tried.title, *user)
        assert seen(5), "it shows nothing if it doesn't work without nxgate"
    attach(app, tried.egress)
    drain(seen, tried.echo)
    for user in as_whom(tried.rights):
        error = attempt(app, tried.title, *user)
        assert not seen(0.5)
        told = {Outcome.REFUSED: REFUSALS, Outcome.LINK: NOT_SENT}.get(tried.outcome)
        assert told is None or error in told, error


def test_what_comes_in_by_lo_is_not_passed_on(attach, app, seen):
    """Where the namespace forwards, a frame on lo has the stack send what no rule for senders has read.

    To an open address, since the kernel may have a checksum to write into it yet.
    """
    app.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", check=True)
    go = lambda: app.call(lambda: by_lo(ipv6(udp(), destination=HOP6)))  # noqa: E731
    go()
    assert seen(5)
    attach(app, f'always = ["{HOP6}"]')
    drain(seen)
    app.call(lambda: raw6(ipv6(udp(), destination=HOP6)))
    assert seen(5), "it is open"
    drain(seen)
    go()
    assert not seen(0.5)


def test_tcp_is_refused_before_any_data(attach, app):
    attach(app)
    with pytest.raises(ConnectionRefusedError):
        app.call(fast_open)
    with pytest.raises(ConnectionRefusedError):
        app.call(lambda: socket.create_connection((DENIED6, 443), timeout=5))


@pytest.mark.parametrize("tcp", [False, True])
def test_any_resolver_is_nxgate(attach, app, tcp):
    attach(app)
    send = dns.query.tcp if tcp else dns.query.udp
    ask = lambda qname, qtype="A": app.call(  # noqa: E731
        lambda: send(make_query(qname, qtype), DENIED, timeout=5))
    assert rcode(ask("tunnel.evil.test", "TXT")) == "NXDOMAIN"
    assert addresses(ask("web.test")) == ["203.0.113.7"]
