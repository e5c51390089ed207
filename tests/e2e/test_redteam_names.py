"""Ways past the names at connections, each tried by a program in the namespace."""
import contextlib
import random
import socket
import struct
import threading
import time

import pytest

from harness.hellos import hello
from harness.tls import TlsServer
from test_names import SHARED, app, ask, attach, outside  # noqa: F401 (fixtures)


def connections_to(address, port):
    """Own addresses and ports of established connections there, as /proc shows them to anybody."""
    found = []
    wanted = struct.pack("<I", struct.unpack("!I", socket.inet_aton(address))[0]).hex().upper() + f":{port:04X}"
    with open("/proc/thread-self/net/tcp", encoding="ascii") as table:
        for line in table.readlines()[1:]:
            _, mine, theirs, state = line.split()[:4]
            if theirs == wanted:
                ip, number = mine.split(":")
                found.append((socket.inet_ntoa(struct.pack("<I", int(ip, 16))), int(number, 16), state))
    return found


def onward_of(inside, address, port, client):
    """The four-tuple of nxgate's own connection there: whose own port isn't the client's."""
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for ip, number, state in inside.call(connections_to, address, port):
            if number != client and state == "01":
                return ip, number
        time.sleep(0.02)
    raise AssertionError("no onward connection")


class Resetting:
    """A TLS server that takes a first connection and resets it; then it is an honest one."""

    def __init__(self, outside, address):
        self.heads = []
        self.listener = outside.call(TlsServer._listen, socket.AF_INET, address, 443)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            for turn in range(1000):
                connection, _ = self.listener.accept()
                if turn == 0:
                    connection.recv(1)
                    time.sleep(0.5)
                    connection.close()  # with what isn't read
                    continue
                with connection:
                    connection.settimeout(2)
                    with contextlib.suppress(OSError):
                        data = connection.recv(10)
                        self.heads.append(data)
                        connection.sendall(b"you said " + data)

    def close(self):
        self.listener.close()


@pytest.fixture
def resetting(outside):
    server = Resetting(outside, SHARED)
    yield server
    server.close()


def test_a_port_of_ours_that_a_server_reset_opens_nothing(app, outside, resetting, attach):
    """Without any right: what conntrack still knows of nxgate's connection lets another with its port pass."""
    attach(app)
    ask(app, "good.test")

    def go():
        with socket.create_connection((SHARED, 443), timeout=5) as plain:
            mine = plain.getsockname()[1]
            plain.sendall(hello("good.test"))
            source = onward_of(app, SHARED, 443, mine)
            with contextlib.suppress(OSError):
                while plain.recv(100):
                    pass
        print("ours was", source)
        end = time.monotonic() + 5
        with socket.socket() as again:
            while True:
                try:
                    again.bind(source)
                    break
                except OSError:
                    assert time.monotonic() < end
            again.settimeout(3)
            again.connect((SHARED, 443))
            again.sendall(b"bad.test")
            return again.recv(100)
    said = b""
    with contextlib.suppress(OSError):
        said = app.call(go)
    assert b"bad.test" not in said
    assert resetting.heads == []


def have_before(count):
    """{port: a socket that was bound to it at all addresses, and now is at 127.0.0.1}: so it stands in nobody's
    way at another address, and has all of them again once it is disconnected."""
    had = {}
    for port in random.sample(range(32768, 65536), count):
        one = socket.socket()
        one.setblocking(False)
        with contextlib.suppress(OSError):
            one.bind(("0.0.0.0", port))
            one.connect_ex(("127.0.0.1", 1))
            had[port] = one
    return had


def test_a_port_that_a_program_had_before_is_never_ours(app, outside, attach, many_descriptors):
    """Else it could connect from there while the firewall lets that pass."""
    many_descriptors(12_000)
    server = TlsServer(outside, SHARED)
    attach(app)
    ask(app, "good.test")
    had = app.call(have_before, 8_000)
    assert len(had) > 7_000
    ours = set()
    for _ in range(20):
        with app.call(socket.create_connection, (SHARED, 443), 5) as plain:
            plain.sendall(hello("good.test"))
            ours.add(onward_of(app, SHARED, 443, plain.getsockname()[1])[1])
    for each in had.values():
        each.close()
    server.close()
    assert len(ours) > 10 and not ours & had.keys()
