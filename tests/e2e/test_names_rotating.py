"""Names whose addresses change while connections to them run."""
import contextlib
import itertools
import math
import socket
import time

import dns.query
import pytest

from harness.netns import ip
from harness.nxgate import make_query
from harness.timing import wait_for
from harness.tls import TlsServer, tls_client
from harness.upstream import answer
from test_connections_seen import held, status
from test_names import SHARED, app, ask, attach, greet, outside, site  # noqa: F401 (fixtures)

POOL = [f"203.0.113.{last}" for last in range(20, 220)]
#: What an address is open for beyond its TTL, in seconds; and what the firewall's clock rounds.
GRACE, ROUNDING = 1, 1


class Rotation:
    """Says the next eight of POOL to each question, for a second or longer."""

    def __init__(self):
        self.addresses = itertools.cycle(POOL)
        self.lives = itertools.cycle([1, 2, 1, 5])

    def __call__(self, received):
        life = next(self.lives)
        received.reply(*(f"@ {life} A {next(self.addresses)}" for _ in range(8)))


@pytest.fixture
def everywhere(outside):  # noqa: F811
    """A TLS server at all addresses of POOL, and at those beside it."""
    ip("-n", outside.name, "route", "add", "local", "203.0.113.0/24", "dev", "lo")
    server = TlsServer(outside, "0.0.0.0")
    yield server
    server.close()


def ask_for_all(inside, name):
    """Addresses, and until when they are valid."""
    reply = inside.call(lambda: dns.query.udp(make_query(name), "198.51.100.53", timeout=5))
    rrset, = reply.answer
    return {item.address: time.monotonic() + rrset.ttl for item in rrset}


def test_an_address_leads_there_for_its_time_and_no_other_does(app, everywhere, attach):  # noqa: F811
    attach.script["*"] = Rotation()
    attach(app, egress=f'grace = "{GRACE}s"', allow=["*.rotating.test"])
    context = tls_client()
    told, running = {}, []

    def reach(name, address):
        """An open connection, which has been answered."""
        plain = socket.create_connection((address, 443), timeout=5)
        inner = context.wrap_socket(plain, server_hostname=name)
        assert inner.recv(100).decode() == f"you asked for {name}\n"
        return inner

    def is_reached(name, address):
        try:
            with app.call(reach, name, address):
                return True
        except OSError:
            # On a slow machine its time may be over by now.
            return time.monotonic() > told.get((name, address), math.inf) + GRACE

    for number in range(500):
        name = f"n{number % 16}.rotating.test"
        valid = ask_for_all(app, name)
        told.update({(name, address): end for address, end in valid.items()})
        assert all(is_reached(name, address) for address in valid)
        with contextlib.suppress(OSError):
            running.append(app.call(reach, name, min(valid)))
        others = set(POOL) - {address for by, address in told if by == name}
        assert not any(is_reached(name, address) for address in (others.pop(), "203.0.113.220"))
        if len({address for _, address in told}) == len(POOL):
            break
    assert {address for _, address in told} == set(POOL)
    # Their time is over; those that run go on.
    time.sleep(1 + GRACE + ROUNDING)
    ended = [key for key, end in told.items() if end + GRACE + ROUNDING < time.monotonic()]
    assert len(ended) > len(POOL) / 4
    for key in ended:
        with pytest.raises(OSError):
            app.call(reach, *key)
    assert len(running) > 10
    for inner in running:
        with inner:
            app.call(inner.sendall, b"still here")
            assert app.call(inner.recv, 100) == b"still here"


def test_a_connection_outlives_a_change_of_policy_that_allows_it(app, site, attach):  # noqa: F811
    """Also one whose answer's time is over, and with `keep` one whose name is no longer allowed."""
    site()
    attach.script["good.test"] = answer(f"@ 1 A {SHARED}")
    running = attach(app, egress='grace = "1s"')
    ask(app, "good.test")

    def goes_on(inner):
        app.call(inner.sendall, b"x")
        return app.call(inner.recv, 1) == b"x"

    with held(app) as inner:
        time.sleep(1 + GRACE + ROUNDING)
        for options in ({"allow": ["good.test"]}, {"egress": 'on-policy-change = "keep"'},
                        {"egress": 'on-policy-change = "keep"', "allow": ["far.test"]}):
            running.write_config(running.text(**options))
            assert running.reload()
            assert goes_on(inner)
        with pytest.raises(OSError):
            greet(app, SHARED, "good.test")
        running.write_config(running.text(allow=["far.test"]))
        assert running.reload()
        wait_for(lambda: status(running)["open"] == 0, what="the end of what isn't allowed")
