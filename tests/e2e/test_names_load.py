"""Many checked connections at once, large ones, and clients that begin and say nothing."""
import asyncio
import contextlib
import hashlib
import re
import socket
import subprocess

import pytest

from harness.hellos import SERVER_HELLO, hello
from harness.nxgate import SANITIZED
from harness.timing import Stopwatch, wait_for, within
from harness.tls import TlsServer, tls_client
from test_connections_seen import status
from test_names import SHARED, app, ask, attach, greet, outside, site  # noqa: F401 (fixtures)

MANY = 250 if SANITIZED else 1000


class Echo(TlsServer):
    """Chooses TLS, and then sends back whatever comes."""

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.recv(4096)
            connection.sendall(SERVER_HELLO)
            while data := connection.recv(65536):
                connection.sendall(data)


async def talk_at_once(count, meanwhile):
    """`count` clients, each with words of its own; `meanwhile` is called while all are connected."""
    first = hello("good.test")
    connected = asyncio.Semaphore(0)
    all_there = asyncio.Event()

    async def talk(number):
        reader, writer = await asyncio.open_connection(SHARED, 443)
        writer.write(first)
        assert await reader.readexactly(len(SERVER_HELLO)) == SERVER_HELLO
        connected.release()
        await all_there.wait()
        words = f"{number} ".encode() * 2000
        writer.write(words)
        whole = await reader.readexactly(len(words)) == words
        writer.close()
        return whole

    tasks = [asyncio.create_task(talk(number)) for number in range(count)]
    for _ in range(count):
        await asyncio.wait_for(connected.acquire(), within(30))
    meanwhile()
    all_there.set()
    return await asyncio.gather(*tasks)


def test_many_connections_at_once_are_whole(app, outside, attach, many_descriptors):  # noqa: F811
    many_descriptors(20_000)
    server = Echo(outside, SHARED)
    running = attach(app)
    ask(app, "good.test")
    seen = []
    whole = app.call(lambda: asyncio.run(talk_at_once(MANY, lambda: seen.append(status(running)["open"]))))
    assert whole == [True] * MANY
    assert seen == [MANY] and status(running)["turned_away"] == 0
    wait_for(lambda: status(running)["open"] == 0)
    server.close()


class Download(TlsServer):
    """Sends `megabytes`, and then their digest."""

    megabytes = 200

    def _serve(self, connection):
        digest = hashlib.blake2b()
        with self.context.wrap_socket(connection, server_side=True) as inside:
            for number in range(self.megabytes):
                block = number.to_bytes(8, "big") * 131072
                digest.update(block)
                inside.sendall(block)
            inside.sendall(digest.digest())


def test_a_large_download_takes_no_memory(app, outside, attach):  # noqa: F811
    server = Download(outside, SHARED)
    running = attach(app)
    ask(app, "good.test")

    def fetch():
        digest, last = hashlib.blake2b(), b""
        with socket.create_connection((SHARED, 443), timeout=30) as plain, \
                tls_client().wrap_socket(plain, server_hostname="good.test") as inner:
            while data := inner.recv(1 << 18):
                digest.update(last[:-64])
                last = last[-64:] + data
        digest.update(last[:-64])
        return digest.digest() == last[-64:]

    before = running.rss_kib()
    assert app.call(fetch)
    assert status(running)["received"] > server.megabytes << 20
    if not SANITIZED:
        assert running.rss_kib() < before + 4096
    server.close()


@pytest.fixture
def other(namespace, outside):  # noqa: F811
    """A second namespace, whose clients do nothing wrong."""
    inside = namespace("other")
    inside.join(outside, "10.78.0.2/24", "10.78.0.1/24", "eth1")
    subprocess.run(["ip", "-n", inside.name, "route", "add", "default", "via", "10.78.0.1"], check=True)
    return inside


def test_half_hellos_harm_nobody_else(app, other, site, nxgate, attach, many_descriptors):  # noqa: F811
    """With room for 512 connections, of which a client gets what is left for others."""
    many_descriptors(MANY + 500)
    site()
    running = attach(app, also=other, wrapper=("prlimit", "--nofile=4096"))
    for each in (app, other):
        ask(each, "good.test")
    half, context = hello("good.test")[:100], tls_client()

    def begin():
        made = []
        for _ in range(MANY):
            with contextlib.suppress(ConnectionError):  # for which there is no room
                made.append(socket.create_connection((SHARED, 443), timeout=5))
                made[-1].sendall(half)
        return made
    begun = app.call(begin)
    wait_for(lambda: status(running)["turned_away"] > 0)
    for _ in range(20):
        with Stopwatch() as watch:
            assert greet(other, SHARED, "good.test", context=context) == "you asked for good.test"
        assert watch.seconds < within(1)
    running.wait_for_log("there is no room for more connections whose names are checked")
    now = status(running)
    assert now["turned_away"] > MANY - 300 and now["open"] < 300
    assert float(re.search(r"^nxgate_connections_turned_away_total (\d+)$",
                           running.operate("metrics").stdout, re.M)[1]) == now["turned_away"]
    for each in begun:
        each.close()
    assert greet(app, SHARED, "good.test") == "you asked for good.test"
