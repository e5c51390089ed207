"""A minute at a steady rate: memory and descriptors stay where they are."""
import random
import threading
import time

import pytest
from harness.client import TcpClient
from harness.nxgate import PRESET, make_query
from harness.upstream import answer, nxdomain

SECONDS, RATE = 60, 400


@pytest.mark.skipif(PRESET != "release", reason="the soak measures the release build's memory")
def test_a_minute_of_traffic_leaves_memory_and_descriptors_stable(nxgate, upstream):
    up = upstream({"*": answer("@ 5 A 192.0.2.1"), "no.x.test": nxdomain()})
    server = nxgate("--allow", "x.test", "--upstream", up.endpoint, "--record", "l.test A 10.0.0.1")
    sent, lost, samples, stop = [0], [], [], threading.Event()

    def client(seed):
        dice, began, count = random.Random(seed), time.monotonic(), 0
        while not stop.is_set():
            qname = dice.choice(["denied.test", "l.test", f"n{dice.randrange(200)}.x.test",
                                 "no.x.test", f"d{dice.randrange(10**6)}.example"])
            try:
                if count % 50 == 0:
                    with TcpClient(server) as connection:
                        connection.send(make_query(qname))
                        connection.receive()
                else:
                    server.ask(make_query(qname, edns=count % 2 == 0))
            except Exception as error:  # a lost answer is what this looks for
                lost.append((qname, error))
            count += 1
            sent[0] += 1
            time.sleep(max(0.0, began + count * 2 / RATE - time.monotonic()))

    clients = [threading.Thread(target=client, args=(seed,)) for seed in range(2)]
    for thread in clients:
        thread.start()
    for _ in range(SECONDS // 2):
        time.sleep(2)
        samples.append((server.rss_kib(), server.descriptors()))
    stop.set()
    for thread in clients:
        thread.join()
    assert not lost and sent[0] > SECONDS * RATE // 4
    settled = samples[len(samples) // 3:]
    assert settled[-1][0] - settled[0][0] < 2048, samples
    assert max(count for _, count in settled) - min(count for _, count in settled) < 30, samples
