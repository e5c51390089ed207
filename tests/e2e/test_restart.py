"""A restart while something floods: what is closed stays closed until the next nxgate has taken over."""
import contextlib
import select
import signal
import socket
import threading
import time

import pytest

from harness.routed import DENIED, WEB, app, ask, outside  # noqa: F401
from harness.timing import wait_for
from harness.upstream import answer

MARKER = b"nxgate-restart-marker"
PAUSE = 0.0005  # seconds between two datagrams of a flood
CONFIG = """
[upstreams.default]
servers = ["127.0.0.1:{port}"]
netns = "{netns}"
[policies.default]
allow = ["web.test"]
"""
EGRESS = "[policies.default.egress]\ncheck-names = []\n"
#: What the kernel would end with us: tables with an owner.
OWNED = '[docker]\nfail = "open"\n'


class Flood:
    """Datagrams with the marker from inside, and how many of them came in outside."""

    def __init__(self, inside, outside, port):
        self.escaped = self.sent = 0
        self._over = threading.Event()
        self._sender = inside.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._sniffer = outside.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                                           socket.htons(3)))
        self._threads = [threading.Thread(target=self._send, args=(port,)),
                         threading.Thread(target=self._look)]
        for each in self._threads:
            each.start()

    def _send(self, port):
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                self._sender.sendto(MARKER, (DENIED, port))
            self.sent += 1
            time.sleep(PAUSE)

    def _look(self):
        while not self._over.is_set():
            if select.select([self._sniffer], [], [], 0.05)[0]:
                frame, where = self._sniffer.recvfrom(65535)
                incoming = where[0] == "eth0" and where[2] != socket.PACKET_OUTGOING
                self.escaped += incoming and MARKER in frame

    def stop(self):
        self._over.set()
        for each in self._threads:
            each.join()
        self._sender.close()
        self._sniffer.close()


@pytest.fixture
def flood(app, outside):
    made = []

    def start(port=5000):
        made.append(Flood(app, outside, port))
        return made[-1]

    yield start
    for each in made:
        each.stop()


@pytest.fixture
def attach(nxgate, upstream, app, outside):
    server = upstream({"web.test": answer(f"@ 60 A {WEB}")}, namespace=outside)

    def start(*tables):
        return nxgate("--netns", app.path, command="attach", config=CONFIG.format(
            port=server.port, netns=outside.path) + "".join(tables))

    return start


def end(server, how):
    server.process.send_signal(how)
    server.process.wait(10)


def closed_for_a_while(flooding, seconds=0.3):
    """What escaped in that time; the flood goes on in it."""
    sent, escaped = flooding.sent, flooding.escaped
    time.sleep(seconds)
    assert flooding.sent > sent + 20
    return flooding.escaped - escaped


def connects(app):
    def go():
        with socket.create_connection((WEB, 80), timeout=2) as connection:
            return connection.recv(100)

    try:
        return app.call(go)
    except OSError as error:
        return type(error).__name__


def test_the_flood_is_seen_where_nothing_holds_it(flood):
    flooding = flood()
    wait_for(lambda: flooding.escaped > 20)


@pytest.mark.parametrize("tables, how", [
    ((EGRESS,), signal.SIGTERM),
    ((EGRESS,), signal.SIGUSR2),
    ((EGRESS,), signal.SIGKILL),
    ((EGRESS, OWNED), signal.SIGTERM),
    ((EGRESS, OWNED), signal.SIGUSR2),
    ((EGRESS, 'fail = "open"\n'), signal.SIGUSR2),
    ((EGRESS, 'fail = "open"\n', OWNED), signal.SIGUSR2),
], ids=["stop", "hand-over", "crash", "stop of an owner", "hand-over of an owner",
        "hand-over of what opens", "hand-over of an owner of what opens"])
def test_nothing_gets_out_while_it_restarts(attach, app, flood, tables, how):
    server = attach(*tables)
    ask(app)
    assert connects(app) == b"hello"
    flooding = flood()
    assert closed_for_a_while(flooding) == 0
    end(server, how)
    assert closed_for_a_while(flooding) == 0
    assert connects(app) == b"hello", "what was open stays open for its time"
    attach(*tables)
    assert closed_for_a_while(flooding) == 0
    assert connects(app) == b"hello", "and is taken over"
    assert flooding.escaped == 0


@pytest.mark.parametrize("tables, how", [
    ((EGRESS, 'fail = "open"\n'), signal.SIGTERM),
    ((EGRESS, OWNED), signal.SIGKILL),
], ids=["stop", "crash of an owner"])
def test_what_shall_open_opens(attach, flood, tables, how):
    server = attach(*tables)
    flooding = flood()
    assert closed_for_a_while(flooding) == 0
    end(server, how)
    wait_for(lambda: flooding.escaped > 20)


def test_a_gate_alone_stays_when_it_is_handed_over(attach, app, flood):
    for tables in ((), (OWNED,)):
        server = attach(*tables)
        flooding = flood(port=53)
        assert closed_for_a_while(flooding) == 0
        end(server, signal.SIGUSR2)
        assert "1 attachment is left in place for the next nxgate" in server.log_text()
        assert "stopped by SIGUSR2" in server.log_text()
        assert closed_for_a_while(flooding) == 0
        server = attach(*tables)
        assert closed_for_a_while(flooding) == 0
        flooding.stop()
        end(server, signal.SIGTERM)
        assert "nxgate" not in app.run("nft", "list", "ruleset").stdout, "a stop leaves no trace"


def test_what_stays_closed_is_said_and_detach_opens_it(attach, app, flood):
    from harness.nxgate import run
    server = attach(EGRESS)
    end(server, signal.SIGTERM)
    assert "stays closed, as its policy default says" in server.log_text()
    flooding = flood()
    assert closed_for_a_while(flooding) == 0
    assert "detached" in run("detach", "--netns", app.path).stdout
    wait_for(lambda: flooding.escaped > 20)
