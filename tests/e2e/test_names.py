"""Connections are checked by the name they give, beside the address."""
import contextlib
import socket
import ssl
import subprocess
import threading
import time

import dns.query
import pytest

from harness.nxgate import make_query
from harness.timing import Stopwatch, within
from harness.tls import TlsServer, tls_client
from harness.upstream import answer, by_type
from test_egress import app  # noqa: F401 (fixture)

SHARED = "203.0.113.7"
SHARED6 = "2001:db8:5::7"
OTHER = "203.0.113.8"
SCRIPT = {
    "good.test": by_type(A=answer(f"@ 60 A {SHARED}"), AAAA=answer(f"@ 60 AAAA {SHARED6}")),
    "also.test": by_type(A=answer(f"@ 60 A {SHARED}")),
    "far.test": by_type(A=answer(f"@ 60 A {OTHER}")),
}
CONFIG = """
[upstreams.default]
servers = ["127.0.0.1:{port}"]
netns = "{netns}"

[policies.default]
allow = {allow}

[policies.default.egress]
{egress}
"""


@pytest.fixture
def outside(namespace):
    world = namespace("outside")
    for address in (SHARED, OTHER):
        world.add_address(f"{address}/32")
    world.add_address(f"{SHARED6}/128")
    return world


@pytest.fixture
def site(outside):
    """site(address, port=443): a TLS server there."""
    with contextlib.ExitStack() as stack:
        def start(address=SHARED, port=443):
            server = TlsServer(outside, address, port)
            stack.callback(server.close)
            return server
        yield start


@pytest.fixture
def attach(nxgate, upstream, outside):
    """attach(namespace, egress="...", allow=[...]): nxgate with a firewall, `also` in another namespace.
    `attach.script` is what its upstream says."""
    server = upstream(SCRIPT, namespace=outside)

    def text(egress="", allow=("good.test", "also.test", "far.test")):
        return CONFIG.format(port=server.port, netns=outside.path, egress=egress, allow=list(allow))

    def start(inside, also=None, wrapper=(), **options):
        places = [part for each in (inside, also) if each for part in ("--netns", each.path)]
        made = nxgate(*places, config=text(**options), command="attach", wrapper=wrapper)
        made.text = text
        return made

    start.script = server.script
    return start


def ask(inside, qname, qtype="A"):
    reply = inside.call(lambda: dns.query.udp(make_query(qname, qtype), "198.51.100.53", timeout=5))
    return [item.address for rrset in reply.answer for item in rrset if hasattr(item, "address")]


def greet(inside, address, name, port=443, context=None):
    """What a TLS server says to somebody who asks for this name there."""
    def go():
        with socket.create_connection((address, port), timeout=5) as plain:
            with (context or tls_client()).wrap_socket(plain, server_hostname=name) as inner:
                return inner.recv(100).decode().strip()
    return inside.call(go)


def test_an_allowed_name_at_its_address_passes(app, site, attach):
    server = site()
    attach(app)
    assert ask(app, "good.test") == [SHARED]
    assert greet(app, SHARED, "good.test") == "you asked for good.test"
    assert server.names == ["good.test"]


def test_another_name_at_an_allowed_address_is_denied(app, site, attach):
    server = site()
    running = attach(app)
    ask(app, "good.test")
    with pytest.raises(ssl.SSLError, match="unrecognized name|UNRECOGNIZED_NAME"):
        greet(app, SHARED, "bad.test")
    assert server.names == []
    running.wait_for_log(r'refused a connection .* `bad.test`: the name isn\'t allowed')


def test_an_allowed_name_at_an_address_it_was_not_told_for(app, site, attach):
    site()
    site(OTHER)
    attach(app)
    ask(app, "good.test")
    ask(app, "far.test")
    assert greet(app, OTHER, "far.test") == "you asked for far.test"
    with pytest.raises(ssl.SSLError):
        greet(app, OTHER, "good.test")


def test_a_name_that_was_not_asked_for(app, site, attach):
    site()
    attach(app)
    ask(app, "good.test")
    with pytest.raises(ssl.SSLError):
        greet(app, SHARED, "also.test")
    ask(app, "also.test")
    assert greet(app, SHARED, "also.test") == "you asked for also.test"


def test_an_address_nobody_was_told_is_refused_as_ever(app, site, attach):
    site()
    attach(app)
    with Stopwatch() as watch, pytest.raises(ConnectionRefusedError):
        greet(app, SHARED, "good.test")
    assert watch.seconds < within(1)


def test_ipv6(app, site, attach):
    site(SHARED6)
    attach(app)
    ask(app, "good.test", "AAAA")
    assert greet(app, SHARED6, "good.test") == "you asked for good.test"
    with pytest.raises(ssl.SSLError):
        greet(app, SHARED6, "bad.test")


def test_no_name_is_denied_unless_the_address_shall_do(app, site, attach):
    site()
    running = attach(app)
    ask(app, "good.test")
    with pytest.raises(ssl.SSLError):
        greet(app, SHARED, None)
    running.write_config(running.text(egress='unnamed = "address"'))
    assert running.reload()
    assert greet(app, SHARED, None) == "you asked for"


def test_a_port_without_a_check_stays_as_it_was(app, site, attach):
    site(port=8443)
    attach(app)
    ask(app, "good.test")
    assert greet(app, SHARED, "bad.test", port=8443) == "you asked for bad.test"


@pytest.mark.parametrize("name, before, after", [
    ("good.test", {}, {"allow": ["far.test"]}),
    ("also.test", {"egress": f'always = ["{SHARED}"]'}, {}),
    (None, {"egress": 'unnamed = "address"'}, {}),
    (None, {"egress": 'unnamed = "address"'}, {"egress": 'unnamed = "address"', "allow": ["far.test"]}),
    (None, {"egress": f'always = ["{SHARED}"]'}, {}),
], ids=["name", "always", "unnamed", "unnamed-opener", "unnamed-always"])
def test_a_connection_ends_when_it_is_no_longer_allowed(app, site, attach, name, before, after):
    site()
    running = attach(app, **before)
    ask(app, "good.test")

    def go():
        with socket.create_connection((SHARED, 443), timeout=5) as plain:
            with tls_client().wrap_socket(plain, server_hostname=name) as inner:
                inner.recv(100)
                running.write_config(running.text(**after))
                assert running.reload()
                for _ in range(100):
                    inner.sendall(b"x")
                    inner.recv(100)
                    time.sleep(0.02)
    with pytest.raises(OSError):
        app.call(go)


def test_a_server_that_refuses(app, attach, outside):
    """The kernel has accepted before there is a name: so it is a reset, and at once; from then on
    it is refused, so that another address is tried."""
    attach(app)
    ask(app, "good.test")
    with Stopwatch() as watch, pytest.raises(ConnectionResetError):
        greet(app, SHARED, "good.test")
    assert watch.seconds < within(2)
    with pytest.raises(ConnectionRefusedError):
        greet(app, SHARED, "good.test")


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.0\r\n\r\n", b"SSH-2.0-x\r\n", b"\x80\x2e\x01\x00\x02",
                                  b"\x16\x03\x01\x00\x00"])
def test_what_is_not_tls_is_denied_at_once(app, site, attach, sent):
    server = site()
    attach(app)
    ask(app, "good.test")

    def go():
        with socket.create_connection((SHARED, 443), timeout=5) as plain:
            plain.sendall(sent)
            return plain.recv(100)
    with Stopwatch() as watch:
        assert app.call(go) == b"\x15\x03\x03\x00\x02\x02\x32"
    assert watch.seconds < within(2)
    assert server.names == []


def test_quic_is_refused_at_once(app, site, attach):
    running = attach(app)
    ask(app, "good.test")

    def go():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(3)
            udp.connect((SHARED, 443))
            udp.send(b"x" * 1200)
            return udp.recv(100)
    with Stopwatch() as watch, pytest.raises(OSError):
        app.call(go)
    assert watch.seconds < within(2)
    assert running


def test_a_large_transfer_both_ways(app, site, attach):
    site()
    attach(app)
    ask(app, "good.test")

    def go():
        with socket.create_connection((SHARED, 443), timeout=10) as plain:
            with tls_client().wrap_socket(plain, server_hostname="good.test") as inner:
                inner.recv(100)
                block = bytes(range(256)) * 256
                for _ in range(100):
                    inner.sendall(block)
                    got = b""
                    while len(got) < len(block):
                        got += inner.recv(len(block) - len(got))
                    assert got == block
                return True
    assert app.call(go)


class WebSite:
    """HTTP/1.1 with connections that are kept: answers with the host and the path of each request."""

    def __init__(self, namespace, address, port=80):
        self.heads = []
        self.listener = namespace.call(TlsServer._listen, socket.AF_INET, address, port)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            while (head := self._read_head(lines)) is not None:
                self.heads.append(head)
                fields = dict(line.split(": ", 1) for line in head.splitlines()[1:])
                lines.read(int(fields.get("Content-Length", 0)))
                body = f"{head.split()[1]} of {fields['Host']}".encode()
                if fields.get("Upgrade") == "websocket" and "ok" in head.split()[1]:
                    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                       b"Connection: Upgrade\r\n\r\n")
                    while data := connection.recv(1000):
                        connection.sendall(data)
                    return
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                                   % (len(body), body))

    @staticmethod
    def _read_head(lines):
        head = ""
        while (line := lines.readline()) != b"\r\n":
            if not line:
                return None
            head += line.decode()
        return head

    def close(self):
        self.listener.close()


@pytest.fixture
def web(outside):
    server = WebSite(outside, SHARED)
    yield server
    server.close()


def talk(inside, *pieces, address=SHARED, until=None):
    """All that comes back to these pieces, each sent once something came to the one before."""
    def go():
        with socket.create_connection((address, 80), timeout=5) as plain:
            said = b""
            for piece in pieces:
                plain.sendall(piece)
                said += plain.recv(65536)
            if until is None:
                plain.shutdown(socket.SHUT_WR)
            while until is None or until not in said:
                more = plain.recv(65536)
                if not more:
                    break
                said += more
            return said.decode("latin-1")
    return inside.call(go)


GET = "GET {0} HTTP/1.1\r\nHost: {1}\r\n\r\n"


def get(path, host):
    return GET.format(path, host).encode()


def test_requests_of_an_allowed_host_pass(app, web, attach):
    attach(app)
    ask(app, "good.test")
    said = talk(app, get("/one", "good.test"), get("/two", "GOOD.test."), until=b"/two of")
    assert "/one of good.test" in said and "/two of " in said


def test_each_request_of_a_kept_connection_is_judged(app, web, attach):
    attach(app)
    ask(app, "good.test")
    said = talk(app, get("/one", "good.test"), get("/two", "bad.test"))
    assert "/one of good.test" in said
    assert "HTTP/1.1 403 Forbidden" in said and "bad.test" in said
    assert len(web.heads) == 1


def test_pipelined_requests_are_judged_each(app, web, attach):
    attach(app)
    ask(app, "good.test")
    said = talk(app, get("/one", "good.test") + get("/two", "bad.test"))
    assert "/one of good.test" in said and "403 Forbidden" in said
    assert len(web.heads) == 1


def test_a_denied_host_is_told_why(app, web, attach):
    attach(app)
    ask(app, "good.test")
    said = talk(app, get("/", "bad.test"))
    assert said.startswith("HTTP/1.1 403 Forbidden by nxgate\r\n")
    assert "by policy default" in said and "`bad.test`: the name isn't allowed" in said
    assert web.heads == []


def test_another_address_than_told(app, outside, web, attach):
    attach(app)
    ask(app, "far.test")
    ask(app, "good.test")
    assert "403 Forbidden" in talk(app, get("/", "far.test"))


def test_a_websocket_passes_as_bytes(app, web, attach):
    attach(app)
    ask(app, "good.test")
    upgrade = (b"GET /ok HTTP/1.1\r\nHost: good.test\r\nUpgrade: websocket\r\n"
               b"Connection: Upgrade\r\n\r\n")
    said = talk(app, upgrade, b"\x81\x05anything", get("/", "bad.test"), until=b"bad.test")
    assert "101 Switching" in said and "anything" in said
    assert len(web.heads) == 1


def test_an_upgrade_that_the_server_declines_opens_nothing(app, web, attach):
    attach(app)
    ask(app, "good.test")
    upgrade = (b"GET /no HTTP/1.1\r\nHost: good.test\r\nUpgrade: websocket\r\n"
               b"Connection: Upgrade\r\n\r\n")
    said = talk(app, upgrade, get("/two", "bad.test"))
    assert "/no of good.test" in said and "403 Forbidden" in said
    assert len(web.heads) == 1


def test_a_connection_to_a_port_of_ours_from_inside_is_reset(app, attach):
    """Without a redirect there is nowhere to go."""
    attach(app)
    listening = subprocess.run(["ip", "netns", "exec", app.name, "ss", "-Hltn"], check=True,
                               capture_output=True, text=True).stdout
    ports = [int(line.split()[3].rsplit(":", 1)[1]) for line in listening.splitlines()
             if line.split()[3].startswith("0.0.0.0:")]
    assert len(ports) == 1

    def go():
        with socket.create_connection(("127.0.0.1", ports[0]), timeout=5) as plain:
            return plain.recv(10)
    with pytest.raises(ConnectionResetError):
        app.call(go)
