"""A minute at a steady rate: memory and descriptors stay where they are, and no answer is lost."""
import random
import select
import socket
import struct
import threading
import time

import pytest
from harness.client import TcpClient
from harness.nxgate import PRESET, make_query
from harness.upstream import answer, nxdomain

SECONDS, WARM_UP, RATE = 60, 10, 2000
CLIENTS, BATCH = 2, 20
PATIENCE = 3.0  # a client asks again after some seconds; an answer later than that is lost


def wires(dice, count):
    """Queries of every kind: denied, local, cached, negative, and now and then a new one."""
    names = ["denied.test", "l.test", "no.x.test", *(f"n{i}.x.test" for i in range(100))]
    for _ in range(count):
        qname = dice.choice(names)
        if dice.random() < 0.02:
            qname = f"r{dice.randrange(10**6)}.x.test"
        elif dice.random() < 0.3:
            qname = f"d{dice.randrange(10**6)}.example"
        yield make_query(qname, dice.choice(["A", "AAAA"]), edns=dice.random() < 0.5).to_wire()


class UdpClient(threading.Thread):
    """Asks at a steady rate from one socket, with the queries numbered by their ids."""

    def __init__(self, server, seed):
        super().__init__()
        self.server, self.dice = server, random.Random(seed)
        self.pool = list(wires(self.dice, 5000))
        self.sent = self.lost = 0
        self.waiting = {}

    def run(self):
        pause = BATCH * CLIENTS / RATE
        began = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            udp.connect(("127.0.0.1", self.server.port))
            for batch in range(int(SECONDS / pause)):
                for _ in range(BATCH):
                    self.ask(udp)
                self.take(udp, began + (batch + 1) * pause)
                if batch % 50 == 0:
                    self.ask_by_tcp()
            self.take(udp, time.monotonic() + PATIENCE)
        self.lost += len(self.waiting)

    def ask(self, udp):
        query_id = self.sent % 65536
        self.lost += query_id in self.waiting
        self.waiting[query_id] = True
        udp.send(struct.pack("!H", query_id) + self.dice.choice(self.pool)[2:])
        self.sent += 1

    def take(self, udp, until):
        while (left := until - time.monotonic()) > 0:
            if select.select([udp], [], [], left)[0]:
                self.waiting.pop(struct.unpack("!H", udp.recv(4096)[:2])[0], None)

    def ask_by_tcp(self):
        self.sent += 5
        try:
            with TcpClient(self.server, timeout=PATIENCE) as client:
                client.send(*self.dice.sample(self.pool, 5))
                for _ in range(5):
                    client.receive()
        except (OSError, EOFError):
            self.lost += 5


@pytest.mark.skipif(PRESET != "release", reason="the soak measures the release build's memory")
def test_a_minute_of_traffic_leaves_memory_and_descriptors_stable(nxgate, upstream):
    up = upstream({"*": answer("@ 5 A 192.0.2.1"), "no.x.test": nxdomain()})
    server = nxgate("--allow", "x.test", "--upstream", up.endpoint, "--record", "l.test A 10.0.0.1")
    clients = [UdpClient(server, seed) for seed in range(CLIENTS)]
    for client in clients:
        client.start()
    samples = []
    while any(client.is_alive() for client in clients):
        time.sleep(2)
        samples.append((server.rss_kib(), server.descriptors()))
    sent, lost = sum(c.sent for c in clients), sum(c.lost for c in clients)
    assert sent > SECONDS * RATE * 0.9
    assert lost <= sent / 1000, f"{lost} of {sent}"
    settled = samples[WARM_UP // 2:]
    # New names fill the cache, some 200 bytes each; nothing else may grow.
    assert settled[-1][0] - settled[0][0] < 4096, samples
    assert settled[-1][1] - settled[0][1] < 30, samples
