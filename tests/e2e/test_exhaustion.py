"""Nobody can make it spend much: reliability.md, Exhaustion (NXNSAttack, CAMP, DNSBomb, leaks)."""
import socket
import time

from harness.client import TcpClient
from harness.nxgate import addresses, make_query, rcode
from harness.timing import Stopwatch, wait_for, within
from harness.upstream import answer, nxdomain, sequence, silent, truncated_over_udp

GOOD = answer("@ 60 A 192.0.2.1")


def gate(nxgate, *upstreams, allow="x.test"):
    return nxgate("--allow", allow, "--upstream", ",".join(u.endpoint for u in upstreams))


def test_dead_upstream_costs_only_its_own_names(nxgate, upstream):
    up, dead = upstream({"*": GOOD}), upstream({"*": silent()})
    server = nxgate(config=f"""
[server]
listen = ["127.0.0.1:PORT"]
[upstreams.default]
servers = ["{up.endpoint}"]
[upstreams.dead]
servers = ["{dead.endpoint}"]
[policies.default]
allow = ["x.test"]
routes = [{{ names = ["dead.x.test"], upstream = "dead" }}]
""")
    with TcpClient(server) as client:
        client.send(*(make_query(f"n{i}.dead.x.test") for i in range(50)))
        with Stopwatch() as watch:
            assert addresses(server.query("good.x.test")) == ["192.0.2.1"]
    assert watch.seconds < within(0.5)


def test_one_question_never_becomes_many(nxgate, upstream):
    chase = answer("@ 60 CNAME a.x.test.")
    ups = [upstream({"*": sequence(chase)}) for _ in range(5)]
    gate(nxgate, *ups).query("x.test")
    time.sleep(0.3)
    assert sum(len(up.received) for up in ups) <= 6


def test_waiting_queries_of_one_client_are_bounded(nxgate, upstream):
    server = gate(nxgate, upstream({"*": silent()}), upstream({"*": silent()}))
    with TcpClient(server, source="127.0.0.3") as fine:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as greedy:
            for i in range(5000):
                greedy.sendto(make_query(f"n{i}.x.test").to_wire(), ("127.0.0.1", server.port))
        fine.send(make_query("denied.test"))
        assert rcode(fine.receive()) == "NXDOMAIN"
    assert server.rss_kib() < (1 << 20)


def test_a_thousand_cname_links_are_not_chased(nxgate, upstream):
    chain = [f"c{i}.x.test 60 CNAME c{i + 1}.x.test." for i in range(60)]
    up = upstream({"x.test": answer("@ 60 CNAME c0.x.test.", *chain)})
    with Stopwatch() as watch:
        assert addresses(gate(nxgate, up).query("x.test")) == []
    assert watch.seconds < within(1.5) and up.count() <= 6


def test_upstream_sockets_are_not_leaked(nxgate, upstream):
    up = upstream({"*": GOOD, **{f"t{i}.x.test": truncated_over_udp(GOOD) for i in range(100)},
                   **{f"s{i}.x.test": silent() for i in range(5)}})
    server = gate(nxgate, up)
    server.query("x.test")
    before = server.descriptors()
    with TcpClient(server) as client:
        names = [f"{kind}{i}.x.test" for i in range(100) for kind in "nt"]
        names += [f"s{i}.x.test" for i in range(5)]
        client.send(*map(make_query, names))
        for _ in names:
            client.receive()
    wait_for(lambda: server.descriptors() <= before + 1, what="closed upstream sockets")


def test_random_names_below_an_allowed_one_cost_bounded_memory(nxgate, upstream):
    up = upstream({"*": nxdomain()})
    server = nxgate("--allow", "x.test", "--upstream", up.endpoint)
    with TcpClient(server) as client:
        for start in range(0, 4000, 50):
            client.send(*(make_query(f"r{i}{'a' * 50}.x.test") for i in range(start, start + 50)))
            for _ in range(50):
                client.receive()
    assert server.rss_kib() < 96 * 1024 * within(1)
