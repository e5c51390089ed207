"""Encrypted ClientHellos: the name outside is judged, and what stands inside is the server's.

No program here encrypts one, so the payload is what it would be to all but the server: octets.
"""
import contextlib
import os
import socket

import dns.query
import pytest

from harness.hellos import ECH, SERVER_HELLO, encrypted_hello, hello, with_extension
from harness.nxgate import make_query
from harness.tls import TlsServer
from harness.upstream import answer, by_type
from test_connections_seen import checked, lines, watching
from test_names import SHARED, app, ask, attach, outside, site  # noqa: F401 (fixtures)

UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"
HANDSHAKE = b"\x16\x03\x03"


def first_answer(inside, sent):
    def go():
        with socket.create_connection((SHARED, 443), timeout=5) as plain:
            plain.sendall(sent)
            said = b""
            with contextlib.suppress(OSError):
                while len(said) < 7 and (more := plain.recv(100)):
                    said += more
            return said
    return inside.call(go)


def outer(name, payload=os.urandom(239)):
    return with_extension(hello(name), ECH, encrypted_hello(payload))


def test_by_an_allowed_name_outside_it_passes_and_is_seen(app, site, attach):  # noqa: F811
    server = site()
    running = attach(app)
    ask(app, "good.test")
    with watching(running, "--json", "--count", "1") as seen:
        assert first_answer(app, outer("good.test")).startswith(HANDSHAKE)
        opened, = map(checked, lines(seen))
    assert server.names == ["good.test"]
    assert (opened["what"], opened["name"], opened["encrypted_hello"]) == ("opened", "good.test", True)


def test_by_another_name_outside_it_is_denied(app, site, attach):  # noqa: F811
    server = site()
    running = attach(app)
    ask(app, "good.test")
    with watching(running, "--json", "--count", "1") as seen:
        assert first_answer(app, outer("bad.test")) == UNRECOGNIZED_NAME
        denied, = map(checked, lines(seen))
    assert server.names == []
    assert (denied["what"], denied["name"], denied["encrypted_hello"]) == ("denied", "bad.test", True)


def test_it_is_refused_where_the_policy_says_so(app, site, attach):  # noqa: F811
    server = site()
    running = attach(app, egress='ech = "refuse"')
    ask(app, "good.test")
    assert first_answer(app, outer("good.test")) == UNRECOGNIZED_NAME
    assert first_answer(app, hello("good.test")).startswith(HANDSHAKE)
    assert server.names == ["good.test"]
    running.wait_for_log(r'`good.test`: there is an encrypted ClientHello in it, which `ech = "refuse"` forbids '
                         r'by policy default$')


class Fronting(TlsServer):
    """Takes the name inside, as a server does that has the key."""

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            said = connection.recv(4096)
            inner = said[said.index(b"inside:") + 7:].split(b";")[0]
            self.names.append(inner.decode())
            connection.sendall(SERVER_HELLO)
            connection.recv(1)


def test_the_name_inside_is_not_stopped(app, outside, attach):  # noqa: F811
    """docs/threat-model.md: a server that takes ECH serves the name that it finds there."""
    server = Fronting(outside, SHARED)
    attach(app)
    ask(app, "good.test")
    assert first_answer(app, outer("good.test", b"inside:bad.test;")).startswith(HANDSHAKE)
    assert server.names == ["bad.test"]
    server.close()


KEYS = "ech=AEX+DQBBpQAgACCa"
SERVICE = f"@ 60 HTTPS 1 . alpn=h2,h3 ipv4hint={SHARED} {KEYS}"


def services(inside, name, qtype, ask_by=dns.query.udp):
    reply = inside.call(lambda: ask_by(make_query(name, qtype), "198.51.100.53", timeout=5))
    return [item.to_text() for rrset in reply.answer for item in rrset if rrset.rdtype in (64, 65)]


@pytest.mark.parametrize("egress, told", [("", False), ('ech = "refuse"', False), ("check-names = []", True),
                                          ('check-names = ["http:80"]', True)])
def test_keys_are_told_only_where_no_name_in_tls_is_checked(app, attach, egress, told):  # noqa: F811
    attach.script["good.test"] = by_type(
        HTTPS=answer(SERVICE), SVCB=answer(f"@ 60 SVCB 1 . mandatory=alpn,ech alpn=h2 {KEYS}"))
    attach.script["also.test"] = answer("@ 60 CNAME good.test.", SERVICE.replace("@", "good.test."))
    attach(app, egress=egress)
    for name, qtype, ask_by in (("good.test", "HTTPS", dns.query.udp), ("good.test", "HTTPS", dns.query.tcp),
                                ("good.test", "SVCB", dns.query.udp), ("also.test", "HTTPS", dns.query.udp)):
        record, = services(app, name, qtype, ask_by)
        assert ("ech" in record) is told, record
        assert "alpn" in record
        assert qtype == "SVCB" or f'ipv4hint="{SHARED}"' in record
