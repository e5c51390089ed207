"""DNS over TCP: RFC 7766, RFC 9210."""
import random
import socket
import struct
import time

import pytest
from harness.client import TcpClient, framed
from harness.nxgate import make_query, rcode
from harness.timing import Stopwatch, wait_for, within
from harness.upstream import after, answer

LIMITS = """
[server]
listen = ["127.0.0.1:PORT"]
tcp-idle = "%s"
tcp-clients = %d
tcp-per-client = %d
"""


def names(responses):
    return [response.question[0].name.to_text() for response in responses]


def test_pipelined_queries_are_all_answered(nxgate):
    with TcpClient(nxgate()) as client:
        client.send(*(make_query(f"n{i}.test") for i in range(500)))
        responses = [client.receive() for _ in range(500)]
    assert names(responses) == [f"n{i}.test." for i in range(500)]


def test_a_slow_answer_holds_up_no_other(nxgate, upstream):
    up = upstream({"slow.test": after(0.4, answer("@ 60 A 192.0.2.1"))})
    with TcpClient(nxgate("--allow", "slow.test", "--upstream", up.endpoint)) as client:
        client.send(make_query("slow.test"), make_query("denied.test"))
        assert names([client.receive(), client.receive()]) == ["denied.test.", "slow.test."]


def test_one_byte_at_a_time(nxgate):
    with TcpClient(nxgate()) as client:
        for byte in framed(make_query("x.test")):
            client.socket.send(bytes([byte]))
            time.sleep(0.002)
        assert rcode(client.receive()) == "NXDOMAIN"


def test_any_segmentation(nxgate):
    dice = random.Random(1)
    stream = b"".join(framed(make_query(f"n{i}.test")) for i in range(200))
    with TcpClient(nxgate()) as client:
        while stream:
            size = dice.randrange(1, 200)
            client.socket.sendall(stream[:size])
            stream = stream[size:]
        assert len([client.receive() for _ in range(200)]) == 200


def test_answers_come_after_a_half_close(nxgate, upstream):
    up = upstream({"slow.test": after(0.2, answer("@ 60 A 192.0.2.1"))})
    with TcpClient(nxgate("--allow", "slow.test", "--upstream", up.endpoint)) as client:
        client.send(make_query("slow.test"), make_query("denied.test"))
        client.socket.shutdown(socket.SHUT_WR)
        assert len([client.receive(), client.receive()]) == 2
        assert client.closed_within(within(2))


def test_idle_connections_are_closed(nxgate):
    with TcpClient(nxgate(config=LIMITS % ("300ms", 100, 100))) as client:
        client.send(make_query("x.test"))
        client.receive()
        assert client.closed_within(within(4))


def test_a_connection_lives_for_its_idle_time_from_the_last_query_on(nxgate):
    with TcpClient(nxgate(config=LIMITS % ("1500ms", 100, 100))) as client:
        for _ in range(4):
            client.send(make_query("x.test"))
            client.receive()
            time.sleep(0.5)
        with Stopwatch() as watch:
            assert client.closed_within(within(5))
    assert 0.5 < watch.seconds < within(3)


def test_bytes_that_complete_no_query_keep_nothing_open(nxgate):
    with TcpClient(nxgate(config=LIMITS % ("300ms", 100, 100))) as client:
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < within(5):
                client.socket.send(b"\0")
                time.sleep(0.1)


def test_a_query_of_no_length_ends_the_connection(nxgate):
    with TcpClient(nxgate()) as client:
        client.socket.sendall(b"\0\0")
        assert client.closed_within(within(3))


def test_beyond_the_limit_the_oldest_idle_connection_goes(nxgate):
    server = nxgate(config=LIMITS % ("30s", 4, 100))
    clients = [TcpClient(server) for _ in range(4)]
    for client in clients:  # the first is the one idle for longest
        client.send(make_query("x.test"))
        client.receive()
        time.sleep(0.02)
    with TcpClient(server) as fifth:
        fifth.send(make_query("x.test"))
        assert rcode(fifth.receive()) == "NXDOMAIN"
    assert clients[0].closed_within(within(2))
    clients[3].send(make_query("y.test"))
    assert rcode(clients[3].receive()) == "NXDOMAIN"


def test_a_connection_that_waits_for_an_answer_is_not_idle(nxgate, upstream):
    up = upstream({"slow.test": after(1, answer("@ 60 A 192.0.2.1"))})
    server = nxgate(config=LIMITS % ("500ms", 2, 100) + f"""
[upstreams.default]
servers = ["{up.endpoint}"]
timeout = "5s"
[policies.default]
allow = ["slow.test"]
""")
    with TcpClient(server) as busy, TcpClient(server) as idle:
        busy.send(make_query("slow.test"))
        wait_for(lambda: up.count("slow.test"), what="the query at the upstream")
        idle.send(make_query("x.test"))
        idle.receive()
        with TcpClient(server) as third:
            third.send(make_query("x.test"))
            assert rcode(third.receive()) == "NXDOMAIN"
        assert idle.closed_within(within(2))
        assert rcode(busy.receive()) == "NOERROR"


def test_one_client_may_hold_only_its_share(nxgate):
    server = nxgate(config=(LIMITS % ("30s", 100, 2)).replace(
        '"127.0.0.1:PORT"', '"127.0.0.1:PORT", { address = "127.0.0.2:PORT", policy = "other" }') + """
[policies.default]
allow = ["allowed.test"]
[policies.other]
allow = ["allowed.test"]
""")
    with TcpClient(server, address="127.0.0.2") as other:
        other.send(make_query("x.test"))
        other.receive()
        greedy = []
        for _ in range(6):  # each is served before the next one comes
            greedy.append(TcpClient(server))
            greedy[-1].send(make_query("x.test"))
            assert rcode(greedy[-1].receive()) == "NXDOMAIN"
        assert greedy[0].closed_within(within(2))
        other.send(make_query("y.test"))
        assert rcode(other.receive()) == "NXDOMAIN"


def test_a_client_that_never_reads_costs_bounded_memory(nxgate):
    server = nxgate(config=LIMITS % ("2s", 100, 100))
    before = server.rss_kib()
    with TcpClient(server) as client:
        client.socket.setblocking(False)
        burst = b"".join(framed(make_query(f"n{i}.test", edns=True)) for i in range(2000))
        began = time.monotonic()
        while time.monotonic() - began < 1:
            try:
                client.socket.send(burst)
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                break
        assert server.rss_kib() - before < 16 * 1024
        assert rcode(server.query("other.test")) == "NXDOMAIN"


def test_clients_that_never_read_hold_up_no_other(nxgate):
    server = nxgate()
    burst = b"".join(framed(make_query(f"n{i}.test", edns=True)) for i in range(2000))
    deaf = [TcpClient(server) for _ in range(8)]
    for client in deaf:
        client.socket.setblocking(False)
        try:
            while client.socket.send(burst):
                pass
        except OSError:
            pass  # its window is full
    with TcpClient(server) as other, Stopwatch() as watch:
        for i in range(50):
            other.send(make_query(f"x{i}.test"))
            assert rcode(other.receive()) == "NXDOMAIN"
    assert watch.seconds < within(1)
    for client in deaf:
        client.socket.close()


def test_a_client_that_goes_away_takes_no_answer_of_others_along(nxgate, upstream):
    up = upstream({"slow.test": after(0.3, answer("@ 60 A 192.0.2.1"))})
    server = nxgate("--allow", "slow.test", "--upstream", up.endpoint)
    with TcpClient(server) as stays:
        with TcpClient(server) as goes:
            for client in (goes, stays):
                client.send(make_query("slow.test"))
            goes.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert rcode(stays.receive()) == "NOERROR"


def test_a_broken_message_between_good_ones_is_formerr(nxgate):
    with TcpClient(nxgate()) as client:
        client.send(make_query("a.test"), make_query("b.test").to_wire() + b"\0", make_query("c.test"))
        assert [rcode(client.receive()) for _ in range(3)] == ["NXDOMAIN", "FORMERR", "NXDOMAIN"]


def test_the_longest_message_is_read_whole(nxgate):
    with TcpClient(nxgate()) as client:
        client.send(make_query("a.test").to_wire().ljust(65535, b"\0"), make_query("c.test"))
        assert [rcode(client.receive()) for _ in range(2)] == ["FORMERR", "NXDOMAIN"]


def test_hundreds_of_connections_leak_no_descriptor(nxgate):
    server = nxgate()
    before = server.descriptors()
    for i in range(300):
        with TcpClient(server) as client:
            if i % 3:
                client.send(make_query("x.test"))
            if i % 3 == 2:
                client.receive()
    wait_for(lambda: server.descriptors() <= before, what="closing what clients closed")


def test_large_answers_go_whole(nxgate, upstream):
    texts = [f'@ 60 TXT "{i:04d}{"x" * 200}"' for i in range(200)]
    up = upstream({"big.test": answer(*texts)})
    server = nxgate("--allow", "big.test", "--upstream", f"tcp://{up.endpoint}")
    assert len(server.query("big.test", "TXT", tcp=True).answer[0]) == 200
