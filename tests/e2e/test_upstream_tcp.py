"""Upstreams over TCP, in good and in bad shape."""
import socket
import struct
import subprocess
import time

import dns.flags
import dns.message
import pytest
from harness.nxgate import addresses, make_query, rcode
from harness.timing import Stopwatch, wait_for, within
from harness.upstream import answer, silent, truncated_over_udp

GOOD = answer("@ 60 A 192.0.2.1")


def over_tcp(nxgate, *upstreams, allow="x.test"):
    servers = ",".join(f"tcp://{up.endpoint}" for up in upstreams)
    return nxgate("--allow", allow, "--upstream", servers)


def framed(received):
    wire = received.response("@ 60 A 192.0.2.1").to_wire()
    return struct.pack("!H", len(wire)) + wire


def in_pieces(size):
    def act(received):
        data = framed(received)
        for at in range(0, len(data), size):
            received.connection.sendall(data[at:at + size])
            time.sleep(0.002)
    return act


def closing_after(make):
    """Sends what `make(good)` gives, then closes."""
    def act(received):
        received.connection.sendall(make(framed(received)))
        received.connection.shutdown(2)
    return act


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_answer_in_any_pieces_is_whole(nxgate, upstream, size):
    server = over_tcp(nxgate, upstream({"x.test": in_pieces(size)}))
    assert addresses(server.query("x.test")) == ["192.0.2.1"]


@pytest.mark.parametrize("make", [
    lambda good: b"", lambda good: good[:1], lambda good: good[:2], lambda good: good[:-1],
    lambda good: b"\0\0", lambda good: b"\0\5hello", lambda good: b"\xff\xff" + good[2:],
], ids=["nothing", "half a length", "length alone", "cut short", "no length", "short", "too long"])
def test_broken_connection_is_a_failure_at_once(nxgate, upstream, make):
    bad, good = upstream({"x.test": closing_after(make)}), upstream({"x.test": GOOD})
    with Stopwatch() as watch:
        assert rcode(over_tcp(nxgate, bad).query("x.test")) == "SERVFAIL"
    assert watch.seconds < within(0.7)
    with Stopwatch() as watch:
        assert addresses(over_tcp(nxgate, bad, good).query("x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(0.7)


def test_truncated_answer_over_tcp_is_a_failure(nxgate, upstream):
    up = upstream({"x.test": lambda received: received.reply(flags=dns.flags.TC)})
    response = over_tcp(nxgate, up).query("x.test")
    assert rcode(response) == "SERVFAIL" and not response.flags & dns.flags.TC


def test_what_follows_the_answer_on_the_connection_does_not_count(nxgate, upstream):
    server = over_tcp(nxgate, upstream(
        {"x.test": closing_after(lambda good: good + good[:-1] + b"\x42")}))
    assert addresses(server.query("x.test")) == ["192.0.2.1"]


def test_connection_that_stays_silent_ends_in_time(nxgate, upstream):
    with Stopwatch() as watch:
        assert rcode(over_tcp(nxgate, upstream({"*": silent()})).query("x.test")) == "SERVFAIL"
    assert watch.seconds < within(1.5)


def test_refused_connection_is_passed_over_at_once(nxgate, upstream):
    closed, good = upstream({}, tcp=False), upstream({"x.test": GOOD})
    with Stopwatch() as watch:
        assert addresses(over_tcp(nxgate, closed, good).query("x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(0.7)


def truncating(nxgate, upstream, **options):
    """An upstream that answers over UDP and truncates names below big.x.test, and its gate."""
    def act(received):
        (truncated_over_udp(silent()) if ".big." in received.qname.lower() else GOOD)(received)
    up = upstream({"*": act}, **options)
    return up, nxgate("--allow", "x.test", "--upstream", up.endpoint)


def test_another_server_helps_when_tcp_is_closed(nxgate, upstream):
    closed, _ = truncating(nxgate, upstream, tcp=False)
    good = upstream({"*": GOOD})
    server = nxgate("--allow", "x.test", "--upstream", f"{closed.endpoint},{good.endpoint}")
    assert addresses(server.query("a.big.x.test")) == ["192.0.2.1"]


def test_closed_tcp_does_not_take_a_server_out_that_answers_over_udp(nxgate, upstream):
    _, server = truncating(nxgate, upstream, tcp=False)
    for i in range(5):
        assert rcode(server.query(f"n{i}.big.x.test")) == "SERVFAIL"
        assert addresses(server.query(f"n{i}.x.test")) == ["192.0.2.1"]


def test_filtered_tcp_does_not_take_a_server_out_that_answers_over_udp(nxgate, upstream):
    _, server = truncating(nxgate, upstream)
    for i in range(3):
        assert rcode(server.query(f"n{i}.big.x.test")) == "SERVFAIL"
        assert addresses(server.query(f"n{i}.x.test")) == ["192.0.2.1"]


def connections(up):
    """From where the server was asked by TCP, a port a connection."""
    return {received.peer for received in up.received if received.tcp}


def one_worker(nxgate, up):
    """With time enough for a slow machine."""
    return nxgate(config=f"""[server]
listen = ["127.0.0.1:PORT"]
workers = 1
[upstreams.default]
servers = ["tcp://{up.endpoint}"]
timeout = "5s"
[policies.default]
allow = ["x.test"]
""")


def ask_at_once(server, qnames):
    """The answers' addresses, of all that came within some seconds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(within(6))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        client.connect(("127.0.0.1", server.port))
        for i, qname in enumerate(qnames):
            client.send(make_query(qname).to_wire())
            if i % 50 == 49:
                time.sleep(0.01)
        return [addresses(dns.message.from_wire(client.recv(4096))) for _ in qnames]


@pytest.mark.parametrize("truncated", [False, True], ids=["tcp://", "TC=1"])
def test_one_connection_serves_question_after_question(nxgate, upstream, truncated):
    up = upstream({"*": truncated_over_udp(GOOD) if truncated else GOOD})
    server = nxgate("--allow", "x.test", "--workers", 1, "--upstream",
                    up.endpoint if truncated else f"tcp://{up.endpoint}")
    for i in range(50):
        assert addresses(server.query(f"n{i}.x.test")) == ["192.0.2.1"]
    assert len(connections(up)) <= 3  # another is opened when the machine holds an answer up


def test_a_burst_shares_a_few_connections(nxgate, upstream):
    up = upstream({"*": GOOD})
    server = one_worker(nxgate, up)
    before = server.descriptors()
    names = [f"n{i}.x.test" for i in range(300)]
    assert ask_at_once(server, names) == [["192.0.2.1"]] * len(names)
    assert len(connections(up)) <= 8
    assert server.descriptors() <= before + 8
    ids = [(received.peer, received.message.id) for received in up.received]
    assert len(set(ids)) > 290  # an id may come again once its question is answered


def test_answers_may_come_in_any_order(nxgate, upstream):
    held = []

    def swap(received):
        held.append(received)
        if len(held) == 2:
            for each in reversed(held):
                each.reply(f"@ 60 A 192.0.2.{each.qname[1]}")
    server = nxgate("--allow", "x.test", "--workers", 1, "--upstream",
                    f"tcp://{upstream({'*': GOOD, 'n1.x.test': swap, 'n2.x.test': swap}).endpoint}")
    server.query("x.test")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(within(3))
        client.connect(("127.0.0.1", server.port))
        for qname in ("n1.x.test", "n2.x.test"):
            client.send(make_query(qname).to_wire())
        answers = [dns.message.from_wire(client.recv(4096)) for _ in range(2)]
    assert {a.question[0].name.to_text(): addresses(a) for a in answers} == {
        "n1.x.test.": ["192.0.2.1"], "n2.x.test.": ["192.0.2.2"]}
    assert len({received.peer for received in held}) == 1


@pytest.mark.parametrize("at_once", [False, True])
def test_a_server_that_closes_after_each_answer_is_as_good(nxgate, upstream, at_once):
    up = upstream({"*": closing_after(lambda good: good)})
    server = one_worker(nxgate, up)
    names = [f"n{i}.x.test" for i in range(60)]
    if at_once:
        assert ask_at_once(server, names) == [["192.0.2.1"]] * len(names)
    else:
        for qname in names:
            assert addresses(server.query(qname)) == ["192.0.2.1"]
    assert len(connections(up)) >= 60


def test_a_question_is_asked_again_when_a_kept_connection_is_closed(nxgate, upstream):
    def closes_when_used_again(received):
        if sum(other.peer == received.peer for other in received.upstream.received) > 1:
            received.connection.shutdown(2)
        else:
            received.reply("@ 60 A 192.0.2.1")
    up = upstream({"*": closes_when_used_again})
    server = nxgate("--allow", "x.test", "--workers", 1, "--upstream", f"tcp://{up.endpoint}")
    for i in range(4):
        assert addresses(server.query(f"n{i}.x.test")) == ["192.0.2.1"]
    assert up.count("n1.x.test") == 2


def test_a_connection_that_brings_junk_is_used_no_more(nxgate, upstream):
    junk = struct.pack("!H", 40) + bytes(40)
    up = upstream({"*": GOOD, "bad.x.test": lambda received: received.connection.sendall(junk)})
    server = nxgate("--allow", "x.test", "--workers", 1, "--upstream", f"tcp://{up.endpoint}")
    server.query("a.x.test")
    with Stopwatch() as watch:
        assert rcode(server.query("bad.x.test")) == "SERVFAIL"
    assert watch.seconds < within(0.7)
    assert addresses(server.query("b.x.test")) == ["192.0.2.1"]
    assert len(connections(up)) == 2


def test_a_connection_is_closed_when_nobody_has_used_it_for_a_while(nxgate, upstream):
    up = upstream({"*": GOOD})
    server = nxgate("--allow", "x.test", "--workers", 1, "--upstream", f"tcp://{up.endpoint}")
    before = server.descriptors()
    server.query("x.test")
    time.sleep(5)
    server.query("y.x.test")
    assert len(connections(up)) == 1 and server.descriptors() == before + 1
    wait_for(lambda: server.descriptors() == before, timeout=within(12), what="closing it")


def test_silent_connections_leave_no_descriptor(nxgate, upstream):
    up = upstream({"*": silent(), "good.x.test": GOOD})
    server = nxgate("--allow", "x.test", "--workers", 1, "--upstream", f"tcp://{up.endpoint}")
    before = server.descriptors()
    server.query("good.x.test")
    for i in range(3):
        server.query(f"n{i}.x.test")
    wait_for(lambda: server.descriptors() <= before + 1, what="closing them")


def test_a_connection_stays_in_no_namespace_that_was_replaced(nxgate, upstream, namespace):
    old, new = namespace("old"), namespace("new")
    for number, each in enumerate((old, new), 1):
        upstream({"*": answer(f"@ 60 A 192.0.2.{number}")}, port=53, namespace=each)
    server = nxgate("--allow", "x.test", "--workers", 1, "--upstream", f"tcp://127.0.0.1@{old.path}")
    assert addresses(server.query("a.x.test")) == ["192.0.2.1"]
    subprocess.run(["umount", old.path], check=True)
    subprocess.run(["mount", "--bind", new.path, old.path], check=True)
    time.sleep(0.1)
    assert addresses(server.query("b.x.test")) == ["192.0.2.2"]


def test_names_that_nobody_answers_do_not_hold_up_others(nxgate, upstream):
    up = upstream({"*": lambda received:
                   (silent() if ".dead." in received.qname else GOOD)(received)})
    server = nxgate("--allow", "x.test", "--workers", 1, "--upstream", f"tcp://{up.endpoint}")
    for i in range(50):
        server.query(f"n{i}.x.test")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as greedy:
        greedy.bind(("127.0.0.2", 0))
        for i in range(300):
            greedy.sendto(make_query(f"n{i}.dead.x.test").to_wire(), ("127.0.0.1", server.port))
            if i % 50 == 49:
                time.sleep(0.01)
    with Stopwatch() as watch:
        assert addresses(server.query("good.x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(0.5)
    assert len(connections(up)) <= 9
